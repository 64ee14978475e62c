# The package's life on a running machine: upgraded while servers are sealed, gone back, removed, installed again.
# In a release of its own, so that nothing but the version differs.

[ -n "$package" ] || { skip 'upgrade and removal' 'there is no package'; return 0; }

later_package() {
    dpkg-deb --raw-extract "$package" "$work/later" &&
        sed -i 's/^Version: .*/&+later/' "$work/later/DEBIAN/control" &&
        sed -i 's/^Description=.*/& (later)/' "$work/later/usr/lib/systemd/system/vault-unseal.service" &&
        dpkg-deb --root-owner-group -Znone --build "$work/later" "$root/root/later.deb"
}
installs() { inside dpkg --install "/root/$1.deb"; }
restarted_by() { # PACKAGE: dpkg is done with it, and another process runs
    local old
    old=$(main_pid)
    installs "$1" && is_new_pid "$old" && active vault-unseal
}

part 'upgrade'
check 'a later version' later_package
give_shares "$(wrong_share 1; wrong_share 2)"
inside systemctl restart vault
check 'sealed, and its shares are wrong' status_is shares-rejected 60
give_shares "$init_answer"
check 'upgrade while sealed: the new version runs' restarted_by later
check 'upgrade while sealed: its unit is in force' says '[(]later[)]' show vault-unseal.service Description
check 'upgrade while sealed: unsealed with the right shares' server_unsealed
check 'upgrade while sealed: the status line' status_is unsealed
check 'upgrade while unsealed: the new version runs' restarted_by later
check 'upgrade while unsealed: the server did not notice' is 200 server_health
check 'upgrade while unsealed: what waits for the target is left alone' active reader.service 1

# Its command line is another one than that of the unit.
wrapper=$root/etc/systemd/system/vault-unseal.service.d/wrapper.conf
mkdir -p "${wrapper%/*}"
printf '[Service]\nExecStart=\nExecStart=/bin/sh -c "/usr/bin/vault-unseal run; exit"\nNotifyAccess=all\nNoExecPaths=\nExecPaths=\n' >"$wrapper"
inside systemctl daemon-reload
inside systemctl restart vault-unseal
check 'upgrade behind a wrapper: it runs again' restarted_by later
check 'upgrade behind a wrapper: the status line' status_is unsealed
rm "$wrapper"
inside systemctl daemon-reload
inside systemctl restart vault-unseal

give_shares "$(share 0)"
inside systemctl restart vault
check 'its only share is in' status_is 'waiting-for-peers (1/2)'
check 'back to the version before, in the middle of a round' restarted_by vault-unseal
check 'back: its unit is in force' not quietly says later show vault-unseal.service Description
check 'back: the round goes on' status_is 'waiting-for-peers (1/2)'
bao operator unseal "$(share 1)" >"$work/unseal"
check 'back: unsealed by the other share' status_is unsealed 60
give_shares "$init_answer"

inside systemctl stop vault
check 'upgrade while the server is stopped' installs later
check 'upgrade while the server is stopped: nothing is started' is inactive inside systemctl is-active vault-unseal
inside systemctl start vault
check 'upgrade while the server is stopped: unsealed at its start' status_is unsealed
check 'upgrade while the server is stopped: the server says so too' server_unsealed

part 'removed'
check 'dpkg removes it' inside dpkg --remove vault-unseal
check 'removed: no process is left' not quietly inside pgrep --exact vault-unseal
check 'removed: the server stays unsealed' is 200 server_health
check 'removed: the share file stays' test -f "$shares"
check 'removed: nothing failed' is '' inside systemctl list-units --failed --plain --no-legend
check 'installed again' installs vault-unseal
check 'installed again: it starts as before' inside systemctl start vault-unseal
check 'installed again: the status line' status_is unsealed
inside systemctl start reader
