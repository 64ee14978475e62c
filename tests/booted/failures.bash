# The daemon hangs, dies, is reloaded with good and bad files; somebody without rights tries what he can.

main_pid() { show vault-unseal.service MainPID; }
restarts() { show vault-unseal.service NRestarts; }
is_new_pid() { local now; now=$(main_pid); [ "$now" != 0 ] && [ "$now" != "$1" ]; }
comes_back() { within "$2" is_new_pid "$1" && active vault-unseal && status_is unsealed; } # OLD-PID SECONDS

part 'the daemon hangs and dies'
old=$(main_pid)
inside kill -STOP "$old"
check 'stopped by SIGSTOP: the watchdog ends it and it comes back' comes_back "$old" 60
check 'stopped by SIGSTOP: the journal says why' says 'Watchdog timeout' journal --unit=vault-unseal --lines=50
# More often than any start limit of systemd's defaults allows.
often() {
    local old
    for _ in 1 2 3 4 5 6; do
        old=$(main_pid)
        inside kill -KILL "$old" && comes_back "$old" 20 || return 1
    done
}
check 'killed six times in a row: it comes back each time' often

part 'reload'
old=$(main_pid)
check 'reload: done' inside systemctl reload vault-unseal
check 'reload: the journal says so' within 5 quietly says 'configuration reloaded' journal --unit=vault-unseal --lines=5
echo 'nodes = oops' >>"$etc/config.toml"
check 'reload of a bad file: systemctl returns' inside systemctl reload vault-unseal
check 'reload of a bad file: names file and line' within 5 quietly says 'old one stays.*config.toml:5' journal --unit=vault-unseal --lines=5
check 'reload of a bad file: runs on' is "$old" main_pid
check 'reload of a bad file: status line' status_is unsealed
configure

part 'somebody without rights'
somebody() { inside_as_somebody "$@"; }
check 'cannot read the share file' not somebody cat /etc/vault-unseal/shares.json
check 'cannot read the credential' not somebody cat /run/credentials/vault-unseal.service/shares
check 'cannot see into the credential directories' not somebody ls /run/credentials/vault-unseal.service
check 'cannot stop it' not somebody systemctl --no-ask-password stop vault-unseal
check 'cannot restart it' not somebody systemctl --no-ask-password restart vault-unseal
check 'cannot reload it' not somebody systemctl --no-ask-password reload vault-unseal
check 'cannot kill it' not somebody kill -TERM "$(main_pid)"
check 'cannot read its memory' not somebody cat "/proc/$(main_pid)/mem"
check 'cannot read its environment' not somebody cat "/proc/$(main_pid)/environ"
check 'cannot tell systemd lies in its name' eval 'somebody systemd-notify --pid="$(main_pid)" --status=lies; status_is unsealed'
check 'and it still runs' is "$old" main_pid
check 'no share is in the journal' not quietly says "$(share 0)|$(share 1)|$(share 2)" journal
