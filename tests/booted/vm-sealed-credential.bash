#!/bin/bash
# The same machine again, which now has the shares in a credential that systemd opens with the TPM.
set -euo pipefail
. ./vm-sealed.bash

check 'after a reboot: unsealed by what systemd opens' unsealed
check 'of the drop-ins there is one, as shipped' is "$drop_ins/shares-encrypted.conf" show vault-unseal.service DropInPaths
check 'it is the encrypted one' says '^shares:/etc/vault-unseal/shares.cred$' show vault-unseal.service LoadCredentialEncrypted
check 'it finds no device of its own' devices_are
check 'it may not open the TPM' not quietly group_opens /dev/tpmrm0

source_is '{ tpm2 = "/etc/vault-unseal/shares.tpm2" }'
drop_in tpm2.conf
sync
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
