# A machine's life: reboots, power cuts, a server that restarts, crashes, comes late or never.

# Microseconds of the machine's clock at the last message that says unsealed, and at the start of the reader.
unsealed_at() {
    journal --output=json VAULT_STATE=unsealed "MESSAGE_ID=$(message_id 'is unsealed$')" |
        tail -1 | grep -o '"__MONOTONIC_TIMESTAMP":"[0-9]*' | grep -o '[0-9]*$'
}
# The reader exits well only if the server was unsealed when it started. A machine that is busy with other things gets
# two more tries, over a restart of the server.
reader_follows() {
    local after try
    for try in 1 2 3; do
        [ "$try" = 1 ] || inside systemctl restart vault reader
        active reader.service 30 || return 1
        after=$(($(show reader.service ExecMainStartTimestampMonotonic) - $(unsealed_at)))
        printf 'microseconds after the unseal: wait ends %s, target %s, reader %s\n' \
            $(($(show vault-unsealed-wait.service ExecMainExitTimestampMonotonic) - $(unsealed_at))) \
            $(($(show vault-unsealed.target ActiveEnterTimestampMonotonic) - $(unsealed_at))) "$after"
        [ "$after" -gt 100000 ] || break
    done
    [ "$after" -le 100000 ] && printf '#   the reader started %s ms after the unseal (try %s)\n' $((after / 1000)) "$try" >&3
}
# The whole way, in this order.
steps() {
    local states
    states=$(journal --output=json "VAULT_NODE=https://vault.home:8200" | grep -o '"VAULT_STATE":"[a-z-]*' | cut -d'"' -f4 | uniq)
    printf '%s\n' "$states"
    grep -q 'sealed.*unsealing.*unsealed$' <<<"${states//$'\n'/ }"
}
previous_boot() { inside journalctl --boot=-1 --quiet --no-pager --output=cat "$@"; }
ends_first() {
    local order
    order=$(previous_boot | grep -oE '^(Stopped vault-unseal.service|Stopping vault.service)' | tail -2)
    printf '%s\n' "$order"
    [ "$order" = $'Stopped vault-unseal.service\nStopping vault.service' ]
}
exec 3>&1

inside systemctl --quiet enable reader.service 2>/dev/null

part 'reboot'
machine_down
machine_up
check 'the shutdown waits for nothing and kills nothing' not quietly says '(timed out|Killing process|SIGKILL)' \
    previous_boot --unit=vault-unseal --unit=vault --unit=vault-unsealed-wait
check 'the shutdown ends vault-unseal before the server' ends_first
check 'after a reboot the machine is running' is running machine_booted
check 'after a reboot: unsealed' server_unsealed
check 'after a reboot: the status line' status_is unsealed
check 'after a reboot: systemctl status shows it' says 'Status: "1 node: 1 unsealed"' inside systemctl status vault-unseal
check 'after a reboot: each step is in the journal' steps
check 'what needs it starts after the unseal, within 100 ms' reader_follows
check 'VAULT_STATE=sealed finds what it should' says '^https://vault.home:8200: sealed' journal VAULT_STATE=sealed
check 'VAULT_STATE=sealed finds nothing else' not quietly says 'unsealed' journal VAULT_STATE=sealed
check 'journalctl -x explains with the node' says 'The server at https://vault.home:8200 .cluster default. serves its clients' \
    inside journalctl --boot --quiet --no-pager --catalog VAULT_STATE=unsealed
check 'the waiting service tells its state' says 'unsealed' show vault-unsealed-wait.service StatusText

part 'power cut'
machine_power_cut
machine_up
check 'after a power cut the machine is running' is running machine_booted
check 'after a power cut: unsealed' server_unsealed
check 'after a power cut: what needs it starts within 100 ms' reader_follows

part 'the server restarts'
inside systemctl restart vault
check 'systemctl restart vault: unsealed' server_unsealed
check 'systemctl restart vault: the status line' status_is unsealed
check 'systemctl restart vault: the target is reached anew' active vault-unsealed.target
check 'systemctl restart vault: what only wants it goes on' active reader.service 1
inside systemctl kill --signal=KILL vault
check 'kill -9 of the server: unreachable meanwhile' status_is unreachable
check 'kill -9 of the server: unsealed again' server_unsealed
check 'kill -9 of the server: the status line' status_is unsealed
inside systemctl stop vault
check 'systemctl stop vault stops the daemon' is inactive inside systemctl is-active vault-unseal
inside systemctl start vault
check 'systemctl start vault starts the daemon' active vault-unseal
check 'systemctl start vault: unsealed' server_unsealed

part 'held for maintenance'
check 'others may not hold' says 'this user may not speak to the daemon' eval 'inside_as_somebody vault-unseal hold --all 2>&1 || true'
check 'root holds' says '^https://vault.home:8200: held until' inside vault-unseal hold --all
check 'held: the status line' status_is held
check 'held: status says since when and by whom' says 'held since 20[0-9-]+T[0-9:]+Z by uid 0 \(root\)' inside vault-unseal status
check 'held: check says so' says 'held since 20[0-9-]+T[0-9:]+Z by uid 0 \(root\)' inside vault-unseal check
inside systemctl stop vault
inside systemctl start vault
check 'held through a stop of server and daemon' status_is held
check 'held: the server is sealed' is 503 server_health
check 'held: root sees it' says 'held' inside vault-unseal status
check 'root resumes' says 'resumed' inside vault-unseal resume vault.home
check 'resumed: unsealed' server_unsealed
check 'resumed: the status line' status_is unsealed
inside vault-unseal hold --all >"$work/hold"
check 'held once more' status_is held
machine_down
machine_up
check 'a reboot ends the hold: unsealed' server_unsealed
check 'a reboot ends the hold: the status line' status_is unsealed

part 'the server comes late'
inside systemctl --quiet disable vault 2>/dev/null
machine_down
machine_up
check 'without the server the daemon runs' active vault-unseal
check 'without the server: unreachable' status_is unreachable
check 'without the server: what needs it waits' is activating show vault-unsealed-wait.service ActiveState
check 'without the server: what needs it has not started' is inactive show reader.service ActiveState
check 'without the server: the waiting service says for what' is '1 node: 1 unreachable' show vault-unsealed-wait.service StatusText
inside systemctl start --no-block vault
check 'started late: unsealed' server_unsealed
check 'started late: what needs it starts within 100 ms' reader_follows
check 'started late: the machine is running at last' is running machine_booted

part 'the server is uninstalled'
inside systemctl --quiet disable reader 2>/dev/null
old=$(main_pid)
rm "$root/usr/local/bin/bao"
mv "$root/etc/systemd/system/vault.service" "$work/vault.service"
inside systemctl daemon-reload
check 'unit and program gone under the running server: the daemon goes on' is "$old" main_pid
check 'unit and program gone under the running server: unsealed' status_is unsealed
inside kill -KILL "$(show vault.service MainPID)"
check 'the server gone too: unreachable' status_is unreachable
check 'the server gone too: the daemon goes on' is "$old" main_pid
machine_down
machine_up
check 'booted without a server: the daemon runs' active vault-unseal
check 'booted without a server: unreachable' status_is unreachable
check 'booted without a server: the machine is running' is running machine_booted
check 'booted without a server: systemd misses nothing' not journal --grep 'vault.*([Nn]ot found|[Ff]ailed to|ignoring)'
ln -s ../lib/openbao/bao "$root/usr/local/bin/bao"
mv "$work/vault.service" "$root/etc/systemd/system/vault.service"
inside systemctl daemon-reload
inside systemctl --quiet enable --now vault 2>/dev/null
check 'installed again: unsealed' server_unsealed
check 'installed again: the status line' status_is unsealed

part 'no network interface but loopback'
inside systemctl --quiet enable reader 2>/dev/null
machine_down
machine_network lo
machine_up
check 'only loopback: there is no other interface' is lo inside sh -c 'ip -brief link | cut -d" " -f1'
check 'only loopback: the machine is running' is running machine_booted
check 'only loopback: unsealed' server_unsealed
check 'only loopback: the status line' status_is unsealed
machine_down
machine_network lan
machine_up
check 'with its interface again: unsealed' server_unsealed
