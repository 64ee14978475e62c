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

# The whole machine sleeps for longer than the unit's watchdog waits. The monotonic clock stands still meanwhile, and the others
# go on.
if grep -qw deep /sys/power/mem_sleep; then
    daemon=$(show vault-unseal.service MainPID)
    asleep=$(date +%s)
    check 'suspended to memory, it wakes' rtcwake --mode mem --seconds 25
    check 'it slept once' is 1 cat /sys/power/suspend_stats/success
    check 'its clock says for how long' test $(($(date +%s) - asleep)) -ge 25
    check 'after that: unsealed' unsealed
    check 'after that: the daemon is the one that fell asleep' is "$daemon" show vault-unseal.service MainPID
    check 'after that: nothing was restarted by a watchdog' is 0 show vault-unseal.service NRestarts
else
    skip 'a machine that is suspended to memory' 'this one knows no such sleep'
fi

source_is '{ tpm2 = "/etc/vault-unseal/shares.tpm2" }'
drop_in tpm2.conf
sync
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
