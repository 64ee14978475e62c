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
check 'reload: the journal says so' within 30 quietly says 'configuration reloaded' journal --unit=vault-unseal --lines=5
echo 'nodes = oops' >>"$etc/config.toml"
check 'reload of a bad file: systemctl fails' not inside systemctl reload vault-unseal
check 'reload of a bad file: names file and line' within 30 quietly says 'old one stays.*config.toml:5' journal --unit=vault-unseal --lines=5
check 'reload of a bad file: told once' is 1 eval 'journal --unit=vault-unseal --lines=20 | grep -c "old one stays"'
check 'reload of a bad file: runs on' is "$old" main_pid
check 'reload of a bad file: the service is active' is active show vault-unseal.service ActiveState
check 'reload of a bad file: the status line keeps it' says '^1 node: 1 unsealed; reload refused, the old .*config.toml:5' status_text
inside systemctl kill --signal=HUP --kill-whom=main vault-unseal 2>/dev/null || inside systemctl kill --signal=HUP --kill-who=main vault-unseal
check 'SIGHUP with the bad file: refused as well' within 30 quietly is 2 eval 'journal --unit=vault-unseal --lines=20 | grep -c "old one stays"'
check 'SIGHUP with the bad file: the service is active' within 30 quietly is active show vault-unseal.service ActiveState
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
    check 'Type=notify-reload: active' within 30 quietly is active show vault-unseal.service ActiveState
    rm -r "$root/etc/systemd/system/vault-unseal.service.d"
    inside systemctl daemon-reload
    inside systemctl restart vault-unseal
fi

part 'what the administrator must know'
last_line() { inside "$@" | tail -1; }
check 'all is well: status says nothing of the service' not quietly says 'vault-unseal.service' inside vault-unseal status
check 'all is well: --exit-code is 0' inside vault-unseal status --exit-code
check 'all is well: anybody may ask' inside_as_somebody vault-unseal status --exit-code
echo 'nodes = oops' >>"$etc/config.toml"
refused_count() { journal --unit=vault-unseal MESSAGE_ID=2647a7dd65dc161419f8fe1368f46ef6 | grep -c config.toml:5; }
before=$(refused_count || true)
for _ in {1..60}; do inside systemctl restart vault-unseal 2>/dev/null || true; done
check 'refused 60 times: journalctl --unit has each, once' within 30 quietly is $((before + 60)) refused_count
is $((before + 60)) refused_count || true
configure
check 'failed: status says so on its last line' says '^vault-unseal.service has failed \(exit code 78\)' last_line vault-unseal status
check 'failed: to anybody' says '^vault-unseal.service has failed' eval 'inside_as_somebody vault-unseal status | tail -1'
check 'failed: check says so' says '^problem +service +vault-unseal.service has failed' inside vault-unseal check
inside systemctl reset-failed vault-unseal
check 'not running: status says so on its last line' says '^vault-unseal.service is not running.*systemctl start' last_line vault-unseal status
inside systemctl --quiet disable vault-unseal 2>/dev/null
check 'not running and disabled: status says so' says 'is disabled and not running.*systemctl enable --now' last_line vault-unseal status
inside systemctl start vault-unseal
check 'disabled: status says so on its last line' says '^vault-unseal.service runs but is disabled' last_line vault-unseal status
inside systemctl --quiet enable vault-unseal 2>/dev/null
check 'enabled: status says nothing of it' not quietly says 'vault-unseal.service' inside vault-unseal status
check 'an older copy: not yet' not quietly says 'older copy' inside vault-unseal check
give_shares "$(printf '%s\n' "$(share 0)" "$(share 1)")"
check 'an older copy: check says so' says 'running service still uses an older copy' inside vault-unseal check
give_shares "$init_answer"
check 'the same shares again: nothing is said' not quietly says 'older copy' inside vault-unseal check
inside systemctl restart vault-unseal
check 'in the end: unsealed' status_is unsealed
