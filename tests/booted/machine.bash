# A Debian with systemd as its first process, in namespaces of its own: booted, entered, rebooted, cut from power.
# Sourced by `run`, which sets $work (scratch directory), $base (root file system to boot a throw-away copy of) and
# $bao (the server's binary).

machine=vault-unseal-booted-$$
root=$work/disk/root
nspawn='' namespaces_mounted=''
# More of systemd-nspawn's, for a case.
machine_options=()

# The throw-away copy and the network: loopback, and an address that is not loopback's.
machine_make() {
    mkdir -p "$work/disk"
    mount -t tmpfs -o mode=755 tmpfs "$work/disk"
    mkdir "$work/disk/"{changes,scratch,root}
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/disk/changes,workdir=$work/disk/scratch" "$root"
    : >"$root/etc/machine-id"
    echo booted >"$root/etc/hostname"
    # The server's program is mounted below; by this name it can be uninstalled.
    ln -s ../lib/openbao/bao "$root/usr/local/bin/bao"
    # ip mounts its directory when it is needed first.
    mountpoint --quiet /run/netns || namespaces_mounted=yes
    ip netns add "$machine"
    ip -n "$machine" link set lo up
    machine_network lan
}

# Its one address: on a network card with nothing behind it, or on loopback, and no card at all.
machine_network() { # lan|lo
    ip -n "$machine" link delete lan 2>/dev/null || true
    ip -n "$machine" address delete 10.77.0.1/24 dev lo 2>/dev/null || true
    [ "$1" = lo ] || ip -n "$machine" link add lan type bridge
    ip -n "$machine" address add 10.77.0.1/24 dev "$1"
    ip -n "$machine" link set "$1" up
    ip -n "$machine" route replace 224.0.0.0/4 dev "$1"
}

# Boots and returns when systemd has started its bus; see `machine_booted` for the rest.
# Its own mount namespace: nspawn wants cgroup2 alone at /sys/fs/cgroup and a /run/systemd it may clean.
machine_up() {
    setsid unshare --mount --propagation private -- bash -c '
        umask 022
        umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir -p "/sys/fs/cgroup/$1" /run/systemd
        echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"
        mount -t tmpfs tmpfs /run/systemd
        shift
        exec systemd-nspawn "$@"' _ "$machine" \
        --directory="$root" --machine="$machine" --boot --register=no --keep-unit --console=read-only \
        --network-namespace-path="/run/netns/$machine" --bind-ro="$bao:/usr/local/lib/openbao/bao" \
        --capability=CAP_IPC_LOCK --system-call-filter='bpf @keyring' "${machine_options[@]}" \
        </dev/null >>"$work/console" 2>&1 &
    # CAP_IPC_LOCK: LimitMEMLOCK=infinity. bpf: IPAddressDeny= and DevicePolicy= are not enforced without it.
    nspawn=$!
    within 60 machine_has_bus || { cat "$work/console"; return 1; }
}

machine_has_bus() {
    init=$(pgrep -P "$nspawn" | head -1) && [ -S "/proc/$init/root/run/dbus/system_bus_socket" ]
}

# Waits for the end of the boot; prints systemd's word for it.
machine_booted() { inside timeout 180 systemctl is-system-running --wait || true; }

# Runs a command in the machine, as its root.
inside() {
    nsenter --target "$init" --all env --ignore-environment HOME=/root TERM=dumb LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 "$@"
}

# As somebody without rights.
inside_as_somebody() { inside setpriv --reuid=4242 --regid=4242 --clear-groups --inh-caps=-all "$@"; }

machine_cgroup() {
    for directory in "/sys/fs/cgroup/unified/$machine" "/sys/fs/cgroup/$machine"; do
        [ ! -d "$directory" ] || { echo "$directory"; return; }
    done
}

# An orderly shutdown: what `poweroff` does.
machine_down() {
    kill -TERM "$nspawn"
    machine_gone
}

# Everything ends at once, in the middle of whatever it does.
machine_power_cut() {
    echo 1 >"$(machine_cgroup)/cgroup.kill"
    machine_gone
}

machine_gone() {
    # A shutdown that hangs is cut short, and what was to be shown after it fails.
    within 120 not quietly kill -0 "$nspawn" || kill -KILL "$nspawn" || true
    wait "$nspawn" 2>/dev/null || true
    nspawn=''
    local cgroup
    cgroup=$(machine_cgroup)
    # What an orderly shutdown left behind, and the empty groups.
    [ -z "$cgroup" ] || within 20 cgroup_gone "$cgroup"
}

cgroup_gone() {
    [ -d "$1" ] || return 0
    echo 1 >"$1/cgroup.kill"
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
    [ ! -d "$1" ]
}

# Leaves no process, mount, namespace or directory. Goes on over what fails: there may be nothing to remove.
machine_remove() {
    set +e
    [ -z "$nspawn" ] || machine_power_cut
    if mountpoint --quiet "$root"; then within 10 umount "$root"; fi
    if mountpoint --quiet "$work/disk"; then within 10 umount "$work/disk"; fi
    ip netns delete "$machine" 2>/dev/null
    # Stays while somebody else has a namespace there.
    [ -z "$namespaces_mounted" ] || umount /run/netns 2>/dev/null
    rm -rf --one-file-system "$work"
}

# Whether anything is left.
machine_left() {
    ip netns | grep "^$machine\\b"
    grep -F "$work" /proc/self/mounts
    machine_cgroup
    pgrep --full --list-full -- "$work"
    ls -d "$work" 2>/dev/null
}
