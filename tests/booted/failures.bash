# The daemon hangs, dies, is reloaded with good and bad files.

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

