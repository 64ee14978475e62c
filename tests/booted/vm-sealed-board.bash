#!/bin/bash
# The disk in another machine: its TPM opens nothing.
set -euo pipefail
. ./vm-sealed.bash

check 'another board: shares-unavailable, and the journal says why' refused 'another TPM sealed them'
check 'another board: it says what to do' says 'Seal the shares anew' told
source_is '{ credential = "shares" }'
drop_in shares-encrypted.conf
check 'another board: systemd opens no credential either' not quietly systemctl restart vault-unseal
check 'another board: systemd says so' within 20 quietly says 'Failed to set up credentials|status=243/CREDENTIALS' told
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
