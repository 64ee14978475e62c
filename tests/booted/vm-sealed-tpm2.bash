#!/bin/bash
# The same machine again: unsealed by nobody but the service and the TPM. Then as if other firmware had measured.
set -euo pipefail
. ./vm-sealed.bash

check 'after a reboot: unsealed by what the TPM opens' unsealed
check 'after a reboot: the journal says so' within 60 quietly says 'the TPM opens' told
check 'after a reboot: the target is reached' timeout 60 systemctl start vault-unsealed.target
check 'of the drop-ins there is one, as shipped' is "$drop_ins/tpm2.conf" show vault-unseal.service DropInPaths
check 'it finds this device and no other' devices_are tpmrm0
check 'it may open this device' group_opens /dev/tpmrm0
for device in /dev/tpm0 /dev/vda; do
    check "it may not open $device" not quietly group_opens "$device"
    check "others may open $device: the test can fail" eval ": <$device"
done
check 'no helper is left running' not quietly pgrep --full libexec/vault-unseal
kill -KILL "$(show vault.service MainPID)"
check 'the server is killed: it comes back unsealed' within 120 quietly says 'Sealed +false' bao status

tpm2_pcrextend "7:sha256=$(printf other | sha256sum | cut -d' ' -f1)"
systemctl restart vault
check 'another measurement: shares-unavailable, and the PCR is named' refused 'PCR 7 [(]sha256[)] no longer holds'
check 'another measurement: it says what to do' says 'vault-unseal enroll --rebind' told

source_is '{ credential = "shares" }'
drop_in shares-encrypted.conf
sync
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
