#!/bin/bash
# The same machine again, which now has the shares in a credential that systemd opens with the TPM.
set -euo pipefail
. ./vm-sealed.bash

check 'after a reboot: unsealed by what systemd opens' unsealed
check 'of the drop-ins there is one, as shipped' is "$drop_ins/shares-encrypted.conf" show vault-unseal.service DropInPaths
check 'there is no plain file to read instead' not test -e /etc/vault-unseal/shares.json
check 'it finds no device of its own' devices_are
# Its group may open the TPM: systemd, which opens the credential there, sees to that. It has no such file.
check 'it may not open other devices' not quietly group_opens /dev/vda

source_is '{ tpm2 = "/etc/vault-unseal/shares.tpm2" }'
drop_in tpm2.conf
sync
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
