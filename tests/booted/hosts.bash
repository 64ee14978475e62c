# Three machines on one network, with a raft cluster of servers, and a controller beside them. Sourced by `run`.
# What machine.bash and system.bash know of one machine is that of the host that was chosen last.

switch=$machine top=$work
chosen='' hosts=''
declare -A host_nspawn=() host_init=()

# on K: what follows is of this host.
on() {
    [ -z "$chosen" ] || host_nspawn[$chosen]=$nspawn host_init[$chosen]=${init:-}
    chosen=$1
    machine=$switch-$1 work=$top/$1
    root=$work/disk/root
    etc=$root/etc/vault-unseal shares=$root/etc/vault-unseal/shares.json authority=$root/etc/vault/tls/vault-ca.crt
    old=$root/etc/systemd/system/vault-unseal.service timer=$root/etc/systemd/system/vault-unseal.timer
    nspawn=${host_nspawn[$1]:-} init=${host_init[$1]:-}
}
# at K COMMAND…
at() {
    local before=$chosen status=0
    on "$1"
    "${@:2}" || status=$?
    on "$before"
    return "$status"
}
# each COMMAND…: at every host; fails at the first where it does.
each() {
    local k
    for k in 1 2 3; do at "$k" "$@" || { echo "at host $k"; return 1; }; done
}

hosts_make() {
    local k
    mountpoint --quiet /run/netns || namespaces_mounted=yes
    ip netns add "$switch"
    ip -n "$switch" link set lo up
    ip -n "$switch" link add lan type bridge
    ip -n "$switch" address add 10.77.0.254/24 dev lan
    ip -n "$switch" link set lan up
    ssh-keygen -q -t ed25519 -N '' -f "$top/key"
    for k in 1 2 3; do
        on "$k"
        hosts=$hosts' '$k
        host_make
    done
    on 1
}

# Not behind `at`: what is set of namespaces is for the end.
host_make() {
    local mounted=$namespaces_mounted
    mkdir "$work"
    machine_make
    namespaces_mounted=$mounted
    ip -n "$machine" link delete lan
    ip -n "$machine" link add lan type veth peer name "host$chosen" netns "$switch"
    ip -n "$machine" address add "10.77.0.$chosen/24" dev lan
    ip -n "$machine" link set lan up
    ip -n "$machine" route replace 224.0.0.0/4 dev lan
    ip -n "$switch" link set "host$chosen" master lan up
    system_install
    # Each has a name of its own, and all the same authority.
    sed -i "s/^10.77.0.1 /10.77.0.$chosen /" "$root/etc/hosts"
    echo "host$chosen" >"$root/etc/hostname"
    sed -i "s/10\.77\.0\.1/10.77.0.$chosen/; s,https://vault.home,https://10.77.0.$chosen,; s/\"one\"/\"host$chosen\"/" \
        "$root/etc/openbao/config.hcl"
    if [ "$chosen" != 1 ]; then
        cp -p "$top/1/disk/root/etc/vault/tls/"* "$root/etc/vault/tls/"
        sed -i '/performance_multiplier/a retry_join {\n leader_api_addr = "https://10.77.0.1:8200"\n leader_ca_cert_file = "/etc/vault/tls/vault-ca.crt"\n}' \
            "$root/etc/openbao/config.hcl"
    fi
    # For root and, as most hosts are entered, for somebody who becomes root.
    echo 'admin:x:4343:4343::/home/admin:/bin/sh' >>"$root/etc/passwd"
    echo 'admin:*:20000:0:99999:7:::' >>"$root/etc/shadow"
    echo 'admin:x:4343:' >>"$root/etc/group"
    install -D -m 440 <(echo 'admin ALL=(ALL) NOPASSWD: ALL') "$root/etc/sudoers.d/admin"
    install -d -o 4343 -g 4343 -m 700 "$root/home/admin" "$root/home/admin/.ssh"
    install -o 4343 -g 4343 -m 600 "$top/key.pub" "$root/home/admin/.ssh/authorized_keys"
    install -d -m 700 "$root/root/.ssh"
    install -m 600 "$top/key.pub" "$root/root/.ssh/authorized_keys"
}

hosts_remove() {
    local k socket
    set +e
    for socket in "$top"/control/*; do
        [ ! -S "$socket" ] || quietly ssh -o ControlPath="$socket" -O exit host
    done
    for k in $hosts; do
        on "$k"
        machine_remove 2>/dev/null
    done
    ip netns delete "$switch" 2>/dev/null
    [ -z "$namespaces_mounted" ] || umount /run/netns 2>/dev/null
    machine=$switch work=$top chosen=''
    rm -rf --one-file-system "$top"
}

# The server's own word.
host_health() {
    ip netns exec "$switch" curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' \
        --cacert "$authority" "https://10.77.0.$chosen:8200/v1/sys/health?standbyok=true"
}
host_unsealed() { within "${1:-60}" quietly is 200 host_health || is 200 host_health; } # [SECONDS]
