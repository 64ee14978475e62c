# From the package of lrstanley/vault-unseal, which has our name and version 1.0.0, to ours by apt. Sourced by
# repository.bash.
#
# Its package has a unit in /etc that is no conffile, and its configuration in one, with the shares. It enables and starts at
# once, and stops nothing when it is removed, as it is told "remove" where it waits for 0. Its program is not in a package
# registry: a script does its work here. LRSTANLEY names a real one.

yaml=$root/etc/vault-unseal.yaml
their_unit=$root/etc/systemd/system/vault-unseal.service
their_work='#!/bin/bash
# --config FILE
export VAULT_ADDR=$(sed -n "s/^ *- *\(https:.*\)/\1/p" "$2") VAULT_CACERT=$(sed -n "s/^ *ca_cert: *//p" "$2")
while sleep 1; do
    for token in $(sed -n "/^unseal_tokens/,/^[^ ]*:/s/^ *- *//p" "$2"); do
        /usr/local/lib/openbao/bao operator unseal "$token" >/dev/null
    done
done'

their_package() {
    local tree=$work/theirs
    mkdir -p "$tree"/{DEBIAN,usr/bin,etc/systemd/system}
    printf 'Package: vault-unseal\nVersion: 1.0.0\nArchitecture: %s\nMaintainer: nobody\nDescription: another\n' \
        "$architecture" >"$tree/DEBIAN/control"
    echo /etc/vault-unseal.yaml >"$tree/DEBIAN/conffiles"
    printf '#!/bin/sh\nchmod 600 /etc/vault-unseal.yaml\nsystemctl daemon-reload\nsystemctl enable vault-unseal.service\n%s\n' \
        'systemctl restart vault-unseal.service' >"$tree/DEBIAN/postinst"
    chmod 755 "$tree/DEBIAN/postinst"
    printf 'vault_nodes:\n  - https://1.2.3.4:8200\nunseal_tokens:\n  - your-token\n' >"$tree/etc/vault-unseal.yaml"
    cat >"$tree/etc/systemd/system/vault-unseal.service" <<'UNIT'
[Service]
ExecStart=/usr/bin/vault-unseal --config /etc/vault-unseal.yaml
Restart=always
RestartSec=10
KillSignal=SIGQUIT
[Install]
WantedBy=multi-user.target
UNIT
    if [ -n "${LRSTANLEY:-}" ]; then
        install -m 755 "$LRSTANLEY" "$tree/usr/bin/vault-unseal"
    else
        echo "$their_work" >"$tree/usr/bin/vault-unseal" && chmod 755 "$tree/usr/bin/vault-unseal"
    fi
    dpkg-deb --root-owner-group -Znone --build "$tree" "$root/root/theirs.deb"
}
broken_package() {
    dpkg-deb --raw-extract "$package" "$work/broken" && echo x >"$work/broken/usr/bin/ls" &&
        dpkg-deb --root-owner-group -Znone --build "$work/broken" "$root/root/broken.deb"
}
theirs_installed() { inside dpkg --install --force-confold --force-downgrade /root/theirs.deb; }
their_configuration() {
    cat >"$yaml" <<YAML
---
environment: home
check_interval: 5s
allow_single_node: true
vault_nodes:
  - https://vault.home:8200
unseal_tokens:
  - $(share 0)
  - $(share 1)   # the second
tls:
  ca_cert: /etc/vault/tls/vault-ca.crt
notify:
  urls: []
YAML
}
their_processes() { inside pgrep --full --list-full -- 'vault-unseal --config' || true; }
they_run() { within 20 quietly says 'vault-unseal --config' their_processes || says 'vault-unseal --config' their_processes; }
what_is_theirs() { sha256sum "$yaml"; stat --format='%U %a' "$yaml"; }
links() { find "$root/etc/systemd/system" -name vault-unseal.service; }
steps() { inside vault-unseal check | sed -n '/^# 1\./,/^# To go back/p'; }

part 'from another package of this name'
inside systemctl --quiet disable --now vault-unseal 2>/dev/null
check 'ours goes, with what is configured' inside dpkg --purge "${names[@]}"
rm -rf "$etc" "$root/etc/systemd/system/vault-unseal.service.d"
check 'theirs' their_package
check 'is installed' theirs_installed
their_configuration
theirs=$(what_is_theirs)
inside systemctl restart vault-unseal
inside systemctl restart vault
check 'it unseals' server_unsealed 90
old=$(main_pid)
check 'one of ours that cannot be unpacked, as its file is in another package' broken_package
check 'is refused' not quietly inside dpkg --install /root/broken.deb
check 'their configuration is back' is "$theirs" what_is_theirs
# Their script restarts it, whatever it is called for.
check 'and theirs runs' they_run
check 'apt has a newer one' says "^Inst vault-unseal \[1\.0\.0\]" apt_get --simulate upgrade
check 'apt upgrades, and says what that means' says 'NOTHING UNSEALS SERVERS UNTIL THIS IS CONFIGURED' apt_get install vault-unseal
check 'it is ours' is "$later" inside dpkg-query --show --showformat='${Version}' vault-unseal
check 'no process of theirs runs' is '' their_processes
check 'none of their links is left' is '' links
check 'ours waits to be configured' is 'disabled inactive' eval 'echo $(inside systemctl is-enabled vault-unseal; inside systemctl is-active vault-unseal)'
check 'their configuration is as it was' is "$theirs" what_is_theirs
check 'the server stays unsealed' is 200 server_health
check 'check says what is found' says 'vault-unseal.yaml is the configuration of another program' inside vault-unseal check
inside vault-unseal check >"$work/found" || true
check 'no share is shown' not quietly grep -e "$(share 0)" -e "$(share 1)" "$work/found"
check 'its steps run as they are' quietly inside bash -euc "$(steps)"
check 'ours runs' is_new_pid "$old"
inside systemctl restart vault
check 'and unseals, with the shares where they were' server_unsealed
check 'which are as they were' is "$theirs" what_is_theirs
check 'nothing is wrong' inside vault-unseal check
check 'purged: their file is left' inside dpkg --purge vault-unseal
check 'as it was' is "$theirs" what_is_theirs

part 'removed first, and ours installed then'
rm -rf "$etc" "$root/etc/systemd/system/vault-unseal.service.d"
check 'theirs is installed' theirs_installed
check 'with the configuration that was there' is "$theirs" what_is_theirs
check 'removed' inside dpkg --remove vault-unseal
check 'it runs all the same' they_run
check 'ours is installed, and says what that means' says 'NOTHING UNSEALS SERVERS' apt_get install vault-unseal
check 'no process of theirs runs' is '' their_processes
check 'none of their links is left' is '' links
check 'their configuration is as it was' is "$theirs" what_is_theirs
check 'its steps run as they are' quietly inside bash -euc "$(steps)"
inside systemctl restart vault
check 'ours unseals' server_unsealed
check 'purged: their file is left' inside dpkg --purge vault-unseal
check 'as it was' is "$theirs" what_is_theirs

part 'purged first'
rm -rf "$etc" "$root/etc/systemd/system/vault-unseal.service.d"
check 'theirs is installed' theirs_installed
check 'purged' inside dpkg --purge vault-unseal
check 'ours is installed' apt_get install vault-unseal
check 'no process of theirs runs' is '' their_processes
check 'none of their links is left' is '' links
