#!/bin/bash
# In the machine, at its second boot: unsealed by nobody but the service.
set -euo pipefail
. ./check.bash

ip link set lo up
export BAO_ADDR=https://127.0.0.1:8200 BAO_CACERT=/etc/vault/tls/vault-ca.crt
show() { systemctl show --property="$2" --value "$1"; }
unit=/usr/lib/systemd/system/vault-unseal.service

check 'after a reboot: unsealed' vault-unseal wait --timeout 120s
check 'after a reboot: the server says so too' says 'Sealed +false' bao status
check 'after a reboot: the status line' within 10 quietly says '^1 node: 1 unsealed$' show vault-unseal.service StatusText
check 'after a reboot: the target is reached' timeout 60 systemctl start vault-unsealed.target
check 'the unit is as it was shipped' is '' show vault-unseal.service DropInPaths
# But PrivateUsers=identity, which systemd 252 does not know.
odd_lines() {
    journalctl --boot --quiet --output=cat --grep 'vault-unseal.*(Unknown|ignoring|Failed to parse)' |
        sed '/ignoring: identity$/d'
}
check 'systemd understands every line of it but one' is '' odd_lines
old=$(show vault-unseal.service MainPID)
check 'it is its own executable that runs, not an emulator' is /usr/bin/vault-unseal readlink "/proc/$old/exe"
check 'its memory is locked' test "$(sed -n 's/^VmLck:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$old/status")" -gt 0
check 'the kernel gives its group no swap' is 0 cat "/sys/fs/cgroup$(show vault-unseal.service ControlGroup)/memory.swap.max"
check 'its system calls are filtered' is 2 sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$old/status"
kill -KILL "$(show vault.service MainPID)"
check 'the server is killed: it comes back unsealed' within 120 quietly says 'Sealed +false' bao status

# The probe under all of the unit that is about what the process is and may do.
touch /tmp/of-the-machine /root/of-the-machine
mknod --mode=666 /var/lib/probe-device c 240 0
probe="/usr/bin/perl /var/given/probe.pl $old $(readlink /proc/1/ns/mnt) $(readlink /proc/1/ns/ipc) 0"
install -m 644 probe.pl /usr/lib/probe.pl
probe=${probe/\/var\/given/\/usr\/lib}
sed -e '/^\(Type\|Watchdog\|Restart\|ExecReload\|OOMScore\|LoadCredential\|SetCredential\)/d' \
    -e "s|^ExecStart=.*|Type=oneshot\nStandardOutput=truncate:/var/log/sandboxed\nExecStart=$probe\nExecPaths=/usr/bin/perl|" \
    -e '/^\[Unit\]/,/^\[Service\]/{/^\[/!d}' "$unit" >/etc/systemd/system/probe.service
systemctl daemon-reload
check 'the probe runs in the sandbox' systemctl start probe
# shellcheck disable=SC2086
systemd-run --quiet --wait --pipe $probe >/run/result/free 2>&1 || true
# No resolver and no such address are on this machine.
apart='resolve .*|send to an address of this machine|socket AF_INET|socket AF_INET6|socket AF_UNIX|socket AF_NETLINK|lock all memory'
allowed() { grep ': allowed$' /var/log/sandboxed | grep -vEx "($apart): allowed" || true; }
check 'the sandbox allows nothing but what is needed' is '' allowed
check 'without it much would be allowed: the test can fail' test "$(grep -c ': allowed$' /run/result/free)" -ge 40
for what in 'map memory writable and executable' 'make memory executable'; do
    check "in force without an emulator: $what" grep -qFx "$what: denied" /var/log/sandboxed
    check "only because of the sandbox: $what" grep -qFx "$what: allowed" /run/result/free
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
