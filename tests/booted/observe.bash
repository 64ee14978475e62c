# The observation socket, of the service as it is: of a user that systemd makes up. Whoever observes may be there before
# the daemon, after it, and without it. Those who observe are services of made-up users here, and somebody without rights.

directory=/run/vault-unseal-observe
socket=$directory/observe.sock
snapshot=(curl --silent --fail --unix-socket "$socket" http://vault-unseal/v1/nodes)

# observer COMMAND…: as a service with a user and a sandbox of its own; prints what it prints.
observer() {
    inside systemd-run --quiet --wait --pipe --collect --property=DynamicUser=yes --property=ProtectSystem=strict \
        --property=PrivateTmp=yes --property=CapabilityBoundingSet= "$@"
}

part 'whoever observes'
check "the daemon's user is made up" is yes show vault-unseal.service DynamicUser
check 'its group is that of the directory' is vault-unseal-observe \
    eval 'inside stat --format=%G "/proc/$(main_pid)"'
check 'the directory: root'"'"'s, and its group may write' is 'root vault-unseal-observe 775' \
    inside stat --format='%U %G %a' "$directory"
check 'nobody is a member of the group' says '^vault-unseal-observe:[^:]*:[0-9]+:$' inside getent group vault-unseal-observe
check 'the socket: for everybody' is 666 inside stat --format=%a "$socket"
check 'after the daemon, somebody: the snapshot' says '"state":"unsealed"' somebody "${snapshot[@]}"
check 'after the daemon, somebody: status' says 'unsealed \(active\)' somebody vault-unseal status
check 'after the daemon, root: status with times' \
    says 'unsealed \(active\) .* [0-9]+d +[0-9]+[sm]$' inside vault-unseal status
check 'after the daemon, somebody: events' says 'daemon: started' somebody vault-unseal events
check 'after the daemon, a service: the snapshot' says '"state":"unsealed"' observer "${snapshot[@]}"
check 'after the daemon, a service: events' says 'daemon: started' observer vault-unseal events
check 'no path, no share and nobody is named' not quietly says '/etc|/run|share[0-9]|root|somebody' \
    somebody vault-unseal events --json
check 'the socket: not replaced' refused rm -f "$socket"
check 'the directory: not written' refused touch "$directory/other"
check 'nothing is ordered through it' is 405 somebody curl --silent --output /dev/null --write-out '%{http_code}' \
    --unix-socket "$socket" --data '{"all":true}' http://vault-unseal/v1/hold

inside systemd-run --quiet --unit=follower --property=DynamicUser=yes --property=ProtectSystem=strict \
    --property=StandardOutput=truncate:/var/log/follower vault-unseal events --follow
starts() { is "$1" grep -c 'daemon: started' "$root/var/log/follower"; }
check 'a service follows' within 20 quietly starts 1
inside systemctl restart vault-unseal
check 'over a restart of the daemon, which is another user then' within 20 quietly starts 2
inside systemctl stop follower

inside systemctl stop vault-unseal
check 'without the daemon, somebody: told so' says 'no daemon can be observed' eval 'somebody vault-unseal events || true'
check 'without the daemon, a service: told so' says 'no daemon can be observed' eval 'observer vault-unseal events || true'
check 'without the daemon: the directory is there' inside test -d "$directory"
check 'whoever observes starts no daemon' is inactive inside systemctl is-active vault-unseal

# It sees the directory as it was before the daemon.
inside systemd-run --quiet --unit=early --property=DynamicUser=yes --property=ProtectSystem=strict \
    --property=StandardOutput=truncate:/var/log/early \
    sh -c "until vault-unseal events; do sleep 0.1; done; exec sleep 100"
check 'before the daemon, a service waits' within 20 quietly active early.service
check 'before the daemon, there is nothing to see' not quietly says 'daemon: started' cat "$root/var/log/early"
inside systemctl start vault-unseal
check 'before the daemon, a service: events once it is there' \
    within 20 quietly says 'daemon: started' cat "$root/var/log/early"
inside systemctl stop early
check 'unsealed meanwhile' status_is unsealed

# As after an installation by hand that left it out.
cp "$root/etc/group" "$work/group"
sed -i '/^vault-unseal-observe:/d' "$root/etc/group"
inside systemctl restart vault-unseal
check 'without its group: unsealed all the same' status_is unsealed
check 'without its group: root observes' \
    says 'daemon: started' inside vault-unseal events --observe-socket /run/vault-unseal/observe.sock
check 'without its group: others are told that they cannot' says 'no daemon can be observed' \
    eval 'somebody vault-unseal events || true'
inside rm -r "$directory"
inside systemctl restart vault-unseal
check 'without the directory, too: unsealed all the same' status_is unsealed
cat "$work/group" >"$root/etc/group"
inside systemd-tmpfiles --create vault-unseal.conf
inside systemctl restart vault-unseal
check 'as it was: unsealed' status_is unsealed
check 'as it was: somebody observes' within 20 quietly says 'daemon: started' somebody vault-unseal events
