# A machine that a shell script unseals, moved to vault-unseal by the commands that `check` prints, and back.

old=$root/etc/systemd/system/vault-unseal.service
timer=$root/etc/systemd/system/vault-unseal.timer

script_install() {
    cat >"$old" <<'UNIT'
[Unit]
After=vault.service
Requires=vault.service
PartOf=vault.service
[Service]
Type=oneshot
ExecStartPre=/bin/sleep 1
ExecStart=/etc/vault/vault-unseal.sh
[Install]
WantedBy=multi-user.target vault.service
UNIT
    printf '[Timer]\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n' >"$timer"
    cat >"$root/etc/vault/vault-unseal.sh" <<'SCRIPT'
#!/bin/sh
URL=https://vault.home:8200
until curl -sk "$URL/v1/sys/health" >/dev/null; do sleep 1; done
for key in $(grep -oE '[0-9a-f]{66}' /etc/vault/unseal.json); do
    curl -sk -X PUT -d "{\"key\": \"$key\"}" "$URL/v1/sys/unseal" >/dev/null
done
SCRIPT
    chmod 755 "$root/etc/vault/vault-unseal.sh"
    (umask 077 && printf '{"keys": ["%s", "%s"]}\n' "$(share 0)" "$(share 1)" >"$root/etc/vault/unseal.json")
}
checked() { # what is printed before, or behind, the way back
    inside vault-unseal check >"$work/checked" || true
    sed -n "$1" "$work/checked"
}
paste() { inside bash -euc "$1"; }
runs() { show vault-unseal.service ExecStart; }

part 'from a shell script'
inside systemctl --quiet disable --now vault-unseal 2>/dev/null
rm -rf "$etc/config.toml" "$shares" "$old.d"
script_install
inside systemctl daemon-reload
inside systemctl --quiet enable vault-unseal vault-unseal.timer 2>/dev/null
inside systemctl start vault-unseal.timer
inside systemctl restart vault
check 'the script unseals, in place of our service' server_unsealed
check 'check says that our service is shadowed' says 'problem +service +/etc/systemd/system/vault-unseal.service' checked p
check 'it exits with 78 while there is no configuration' is 78 paste 'vault-unseal check >/dev/null || echo $?'
forth=$(checked '/^# 1\./,/^# To go back/p')
back=$(checked "/^# To go back/,\$p")
mv "$root/etc/vault/unseal.json" "$work/unseal.json"
printf '{}' >"$root/etc/vault/unseal.json"
check 'no step is printed for a share file without shares' is '' checked '/^# 1\./p'
mv "$work/unseal.json" "$root/etc/vault/unseal.json"
# Nothing that check can see beforehand: our unit does not start once the old one is put away.
mkdir -p "$old.d"
printf '[Service]\nBindReadOnlyPaths=%s\n' "${old#"$root"}" >"$old.d/fails.conf"
inside systemctl daemon-reload
check 'a move whose new service does not start fails' not quietly paste "$forth"
check 'the old unit is put back' says 'path=/etc/vault/vault-unseal.sh ;' runs
check 'so is its timer' inside systemctl --quiet is-active vault-unseal.timer
rm "$old.d/fails.conf"
inside systemctl daemon-reload
inside systemctl restart vault
check 'and the script unseals' server_unsealed
# The old unit would fail in the same way, were that drop-in left to it.
unreadable=${forth/LoadCredential=shares:/LoadCredential=nothing:\/nowhere$'\n'&}
[ "$unreadable" != "$forth" ]
check 'a move whose new service is not given its credentials fails' not quietly paste "$unreadable"
check 'because of them' says 'status=243/CREDENTIALS' journal --unit=vault-unseal
check 'the old unit is put back, without the drop-in' says 'path=/etc/vault/vault-unseal.sh ;' runs
check 'it has started' is success show vault-unseal.service Result
inside systemctl restart vault
check 'and its script unseals' server_unsealed
check 'the printed commands run as they are' quietly paste "$forth"
check 'the timer went with the old unit' not inside systemctl --quiet is-active vault-unseal.timer
check 'our own unit runs' says 'path=/usr/bin/vault-unseal ;' runs
check 'the status line' status_is unsealed
inside systemctl restart vault
check 'our service unseals, with the shares where the script had them' server_unsealed
check 'our service says so' status_is unsealed
check 'check finds no problem any more' quietly inside vault-unseal check
check 'it looked into the file behind the credential' says '2 shares in credential "shares", from /etc/vault/unseal.json' checked p
cp "$old.old" "$old"
cp "$timer.old" "$timer"
inside systemctl daemon-reload
check 'a role brings the old unit back: status says so' says 'takes the place of vault-unseal.service' inside vault-unseal status
inside systemctl restart vault
check 'its script unseals' server_unsealed
check 'the daemon said so when it was stopped' says 'takes the place of vault-unseal.service' journal --unit=vault-unseal
check 'the steps put it away again' quietly paste "$(checked '/^# 1\./,/^# To go back/p')"
check 'our service runs again' status_is unsealed
check 'the way back runs as it is' quietly paste "$back"
check 'so is the timer' inside systemctl --quiet is-active vault-unseal.timer
check 'the script is back' says 'path=/etc/vault/vault-unseal.sh ;' runs
inside systemctl restart vault
check 'and unseals' server_unsealed
check 'the move can be made again' quietly paste "$(checked '/^# 1\./,/^# To go back/p')"
check 'and our service runs again' status_is unsealed

# As an installation by hand is left by `vault operator init -format=json >unseal.json`, behind Let's Encrypt.
part 'from a script that trusts the system'
inside systemctl --quiet disable --now vault-unseal 2>/dev/null
rm -rf "$etc/config.toml" "$old.d" "$old.old" "$timer.old"
mv "$authority" "$root/usr/local/share/ca-certificates/home.crt"
authority=$root/usr/local/share/ca-certificates/home.crt
inside update-ca-certificates >/dev/null
script_install
rm -f "$timer"
sed -i 's/-sk/-s/' "$root/etc/vault/vault-unseal.sh"
base64_share() { share "$1" | perl -ne 'chomp; print pack "H*", $_' | base64 --wrap=0; }
printf '{"unseal_keys_b64": ["%s", "%s"], "root_token": "hvs.nobody"}' "$(base64_share 0)" "$(base64_share 1)" \
    >"$root/etc/vault/unseal.json"
chown -R 990:990 "$root/etc/vault"
chmod 750 "$root/etc/vault" "$root/etc/vault/tls"
chmod 644 "$root/etc/vault/unseal.json"
cp -p "$root/etc/vault/unseal.json" "$work/unseal.json"
inside systemctl daemon-reload
inside systemctl --quiet enable vault-unseal 2>/dev/null
forth=$(checked '/^# 1\./,/^# To go back/p')
check 'no authority is named' not grep -q '^tls\|ca.conf' <<<"$forth"
check 'the printed commands run as they are' quietly paste "$forth"
check 'our service runs' status_is unsealed
inside systemctl restart vault
check 'and unseals' server_unsealed
check 'its share file is as it was' is "990:990 644" stat --format='%u:%g %a' "$root/etc/vault/unseal.json"
check 'byte for byte' cmp "$root/etc/vault/unseal.json" "$work/unseal.json"
inside vault-unseal check >"$work/checked" || true
check 'that others can read it is a problem now' says 'chmod 06[04]0 /etc/vault/unseal.json' cat "$work/checked"
inside systemctl --quiet disable --now vault-unseal
rm -f "$old.old"
mv "$authority" "$root/etc/vault/tls/vault-ca.crt"
authority=$root/etc/vault/tls/vault-ca.crt
inside update-ca-certificates --fresh >/dev/null
chown -R 0:0 "$root/etc/vault"
chown 990:990 "$root/etc/vault/tls/vault.key"
chmod 755 "$root/etc/vault" "$root/etc/vault/tls"
inside systemctl --quiet enable vault-unseal 2>/dev/null

# As the other cases know the machine.
rm -rf "$root/etc/systemd/system/vault-unseal.service.d" "$root/etc/vault/unseal.json" "$root/etc/vault/vault-unseal.sh" "$old.old" "$timer.old"
give_shares "$init_answer"
configure
inside systemctl daemon-reload
inside systemctl restart vault-unseal
check 'back as it was: unsealed' status_is unsealed
