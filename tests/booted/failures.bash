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
check 'reload of a bad file: systemctl fails' not inside systemctl reload vault-unseal
check 'reload of a bad file: names file and line' within 5 quietly says 'old one stays.*config.toml:5' journal --unit=vault-unseal --lines=5
check 'reload of a bad file: told once' is 1 eval 'journal --unit=vault-unseal --lines=20 | grep -c "old one stays"'
check 'reload of a bad file: runs on' is "$old" main_pid
check 'reload of a bad file: the service is active' is active show vault-unseal.service ActiveState
check 'reload of a bad file: the status line keeps it' says '^1 node: 1 unsealed; reload refused, the old .*config.toml:5' status_text
inside systemctl kill --signal=HUP --kill-whom=main vault-unseal 2>/dev/null || inside systemctl kill --signal=HUP --kill-who=main vault-unseal
check 'SIGHUP with the bad file: refused as well' within 5 quietly is 2 eval 'journal --unit=vault-unseal --lines=20 | grep -c "old one stays"'
check 'SIGHUP with the bad file: the service is active' within 5 quietly is active show vault-unseal.service ActiveState
configure
check 'reload once it is mended: done' inside systemctl reload vault-unseal
check 'reload once it is mended: the status line is as before' status_is unsealed
echo 'nodes = oops' >>"$etc/config.toml"
check 'vault-unseal reload: says why, and what to do' says 'error: the new configuration is not used, the old one stays: .*config.toml:5' \
    eval 'inside vault-unseal reload 2>&1 || true'
configure
check 'vault-unseal reload: done' inside vault-unseal reload
if [ "$suite" != bookworm ]; then
    mkdir -p "$root/etc/systemd/system/vault-unseal.service.d"
    printf '[Service]\nType=notify-reload\n' >"$root/etc/systemd/system/vault-unseal.service.d/type.conf"
    inside systemctl daemon-reload
    inside systemctl restart vault-unseal
    check 'Type=notify-reload: it is one' is notify-reload show vault-unseal.service Type
    check 'Type=notify-reload: reload is done' inside systemctl reload vault-unseal
    check 'Type=notify-reload: active' within 5 quietly is active show vault-unseal.service ActiveState
    rm -r "$root/etc/systemd/system/vault-unseal.service.d"
    inside systemctl daemon-reload
    inside systemctl restart vault-unseal
fi

