# What the sandbox denies and what it leaves, proved under the unit's own lines; and the daemon as it really runs.

# The probe in place of the daemon, with every other line of the unit that is about what the process is and may do.
probe_unit() {
    sed -e '/^\(Type\|Watchdog\|Restart\|ExecReload\|OOMScore\|LoadCredential\|SetCredential\|RuntimeDirectory\)/d' \
        -e "s|^ExecStart=.*|Type=oneshot\nStandardOutput=truncate:/var/log/sandboxed\nExecStart=${probe[*]}\nExecPaths=/usr/bin/perl|" \
        -e '/^\[Unit\]/,/^\[Service\]/{/^\[/!d}' "$root/usr/lib/systemd/system/vault-unseal.service" \
        >"$root/etc/systemd/system/probe.service"
}

part 'sandbox'
install -m 644 "$here/probe.pl" "$root/usr/lib/probe.pl"
server_pid=$(show vault.service MainPID)
inside mkdir -p /usr/lib/modules
inside touch /tmp/of-the-machine /root/of-the-machine /usr/lib/modules/of-the-machine
mknod --mode=666 "$root/var/lib/probe-device" c 240 0
probe=(/usr/bin/perl /usr/lib/probe.pl "$server_pid" "$(inside readlink /proc/1/ns/mnt)" "$(inside readlink /proc/1/ns/ipc)"
    "$(inside sed -n 's/^Seccomp_filters:[[:space:]]*//p' /proc/1/status)")
probe_unit
inside systemctl daemon-reload
check 'the probe runs in the sandbox' inside systemctl start probe
inside systemd-run --quiet --wait --pipe "${probe[@]}" >"$work/free" 2>&1 || true
# Needed by the daemon: the servers, systemd and the journal, names, locked memory.
needed='socket AF_INET|socket AF_INET6|socket AF_UNIX|socket AF_NETLINK|resolve a name of /etc/hosts|resolve the name of the machine|send to an address of this machine|lock all memory'
# Without PrivateUsers=, and without any capability, the user namespace is the machine's.
no_private_users='systemd 252 does not know PrivateUsers=identity'
while IFS= read -r line; do
    what=${line%: *} got=${line##*: }
    if [ "$suite:$what" = 'bookworm:be root of the machine' ]; then
        skip "denied: $what" "$no_private_users"
    elif grep -Eqx -- "$needed" <<<"$what"; then
        check "left: $what" is allowed echo "$got"
    else
        check "denied: $what" is denied echo "$got"
        # A denial that anybody gets proves nothing about the sandbox.
        grep -Fqx "$what: allowed" "$work/free" || printf '#   (denied without the sandbox too)\n'
    fi
done <"$root/var/log/sandboxed"
check 'the probe came to its end' says '^dump core' cat "$root/var/log/sandboxed"

part 'the daemon as it runs'
pid=$(main_pid)
status_field() { inside sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
uid=$(status_field Uid | cut -f1)
for set in CapInh CapPrm CapEff CapBnd CapAmb; do check "no capability: $set" is 0000000000000000 status_field $set; done
check 'system calls are filtered' is 2 status_field Seccomp
check 'no new privileges' is 1 status_field NoNewPrivs
check 'a user of its own' test "$uid" -ge 61184
if [ "$(inside systemd-run --quiet --wait --pipe --property=LimitMEMLOCK=infinity sh -c 'ulimit -l')" = unlimited ]; then
    check 'its memory is locked' test "$(status_field VmLck | grep -o '[0-9]*')" -gt 0
else
    skip 'its memory is locked' 'this machine does not let systemd lift the limit'
fi
check 'nothing of it is in swap' is '0 kB' status_field VmSwap
check 'no core dumps' says 'Max core file size +0 +0' inside cat "/proc/$pid/limits"
as_itself() { inside setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all "$@"; }
# strace stops by itself when what it traces ends.
traced() { as_itself sh -c 'sleep 1 & strace -o /dev/null -p $!'; }
check 'its own user cannot trace it' says 'Operation not permitted' as_itself timeout 5 strace -p "$pid"
check 'its own user cannot read its memory' not as_itself cat "/proc/$pid/mem"
check 'its own user can trace others: the test can fail' traced
configure https://booted:8200
inside systemctl restart vault-unseal
check 'a node by the name of the machine, which is in no file' status_is unsealed
configure
inside systemctl restart vault-unseal
check 'back' status_is unsealed
