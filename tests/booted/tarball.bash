# Installed from a release's tarball, below /usr/local: run, upgraded, observed by somebody, and uninstalled.

unpacked=/opt/vault-unseal-tarball
part 'installed from a tarball'
mkdir -p "$root$unpacked"
tar -xf "$tarball" -C "$root$unpacked" --strip-components=1
machine_up
check 'the machine boots, nothing fails' is running machine_booted
check 'who has no rights is told' says 'may not write to /usr/local' eval "inside setpriv --reuid 4242 --clear-groups $unpacked/install || true"
check 'installed' says '^Next: write /etc/vault-unseal/config.toml' inside "$unpacked/install"
check 'nothing is started' is inactive inside systemctl is-active vault-unseal
check 'nor enabled' is disabled inside systemctl is-enabled vault-unseal
configure
init_answer=$(bao operator init -key-shares=3 -key-threshold=2 -format=json)
give_shares "$init_answer"
before=$(sha256sum "$etc/config.toml" "$shares")
check 'check finds its service' says 'vault-unseal.service is disabled and not running' \
    eval 'inside /usr/local/bin/vault-unseal check || true'
echo 'nonsense = 1' >"$etc/exporter.toml"
check 'and has the observer below /usr/local judge its configuration' says 'exporter.*nonsense' \
    eval 'inside /usr/local/bin/vault-unseal check || true'
rm "$etc/exporter.toml"
check 'configured and enabled: it starts' inside systemctl enable --now vault-unseal
check 'unsealed' server_unsealed
check 'by the program below /usr/local' says ^/usr/local/bin/vault-unseal$ inside readlink "/proc/$(main_pid)/exe"
# A server that is unsealed is for a moment a standby without an active node.
check 'somebody without rights observes it' within 20 quietly says 'unsealed \(active\)' \
    inside setpriv --reuid 4242 --clear-groups /usr/local/bin/vault-unseal status
check 'the journal explains its messages' says '^SYSLOG_IDENTIFIER|vault-unseal' inside journalctl --list-catalog
machine_down
machine_up
check 'after a reboot, too' server_unsealed 90

part 'a newer version over it'
old=$(main_pid)
check 'installed again, it says what to do' says 'systemctl restart vault-unseal' inside "$unpacked/install"
check 'the old one still runs' is "$old" main_pid
check 'restarted' inside systemctl restart vault-unseal
inside systemctl restart vault
check 'unsealed' server_unsealed

part 'uninstalled'
check 'uninstalled' says 'may be the last copy' inside "$unpacked/install" --uninstall
check 'no process is left' is '' eval 'inside pgrep --full --list-full "bin/[v]ault-unseal" || true'
check 'no unit is left' says 'not-found' inside systemctl show --property=LoadState vault-unseal.service
check 'no link is left' is '' find "$root/etc/systemd/system" -name 'vault-unseal*'
check 'no file is left' is '' find "$root/usr" -name '*vault-unseal*'
check 'the server goes on' server_unsealed
check 'configuration and shares are as they were' is "$before" sha256sum "$etc/config.toml" "$shares"
