# Another account of the machine listens where the server should: it gets no share and is believed nothing. The server
# runs as its package has it; besides TLS it listens in plaintext on loopback, and on a Unix socket.

plain=http://127.0.0.1:8300
told='runs as uid 4242 \(somebody\), who is not trusted'

# ADDRESS [MANNER]: see squatter.pl.
squat() {
    inside rm -f /var/log/squatter
    inside systemd-run --quiet --unit=squatter --uid=somebody --property=StandardOutput=truncate:/var/log/squatter \
        /usr/bin/perl /usr/lib/squatter.pl "$1" 8300 "${2:-}"
}
squatter_listens() { within 30 quietly says '^listens' cat "$root/var/log/squatter"; }
squatter_goes() { inside systemctl stop squatter; }
# He was asked, and was given nothing.
gets_nothing() {
    within 30 quietly says '^GET ' cat "$root/var/log/squatter" && not says '^(PUT|POST) ' cat "$root/var/log/squatter"
}
# The daemon names him now.
is_told() {
    within 30 quietly says "$told" journal --unit=vault-unseal --since="$since" ||
        says "$told" journal --unit=vault-unseal --since="$since"
}
now() { since=$(date '+%F %T'); }
# sealed anew, in its next life.
server_gone() { inside systemctl kill --signal=KILL --kill-whom=main vault; }

part 'other accounts on this machine'
install -m 644 "$here/squatter.pl" "$root/usr/lib/squatter.pl"
cp "$root/etc/openbao/config.hcl" "$work/config.hcl"
cat >>"$root/etc/openbao/config.hcl" <<'END'
listener "tcp" {
  address = "127.0.0.1:8300"
  tls_disable = true
}
listener "unix" {
  address = "/run/openbao/api.sock"
  socket_mode = "0660"
  socket_user = "openbao"
  socket_group = "openbao"
}
END
install -d "$root/etc/systemd/system/vault.service.d"
printf '[Service]\nRuntimeDirectory=openbao\n' >"$root/etc/systemd/system/vault.service.d/socket.conf"
inside systemctl daemon-reload
configure "$plain"
inside systemctl restart vault
check 'the server of its own account, in plaintext on loopback: unsealed' server_unsealed
check 'and the daemon says so' status_is unsealed

# Before a start of the server: which takes the daemon with it when it is stopped.
inside systemctl stop vault
now
squat 127.0.0.1
check 'before: somebody listens' squatter_listens
inside systemctl start vault-unseal
check 'before: he is named' is_told
check 'before: he gets nothing' gets_nothing
check 'before: foreign-server' says '"kind":"foreign-server"' eval 'inside vault-unseal status --json || true'
check 'before: unreachable' status_is unreachable
check 'before: journalctl -x has it' says 'server_users' journal --unit=vault-unseal --since="$since"
inside systemctl start --no-block vault
squatter_goes
check 'before: the server comes all the same and is unsealed' server_unsealed 60

# During a restart: he waits for the port.
now
squat 127.0.0.1
server_gone
check 'during: somebody has the port' squatter_listens
check 'during: he is named' is_told
check 'during: he gets nothing' gets_nothing
squatter_goes
check 'during: unsealed afterwards' server_unsealed 60

# After it, beside the running server.
cp "$root/etc/hosts" "$work/hosts"
printf '%s localhost\n' ::1 127.0.0.1 >>"$root/etc/hosts"
configure http://localhost:8300
now
squat ::1
check 'after, on [::1]: somebody listens' squatter_listens
inside systemctl restart vault
check 'after, on [::1]: he is named' is_told
check 'after, on [::1]: he gets nothing' gets_nothing
squatter_goes
check 'after, on [::1]: unsealed when he has gone' server_unsealed 60
cat "$work/hosts" >"$root/etc/hosts"
configure "$plain"

for manner in late leaves; do
    inside systemctl stop vault
    now
    squat 127.0.0.1 "$manner"
    check "$manner: somebody listens" squatter_listens
    inside systemctl start vault-unseal
    check "$manner: he is named" is_told
    check "$manner: he gets nothing" gets_nothing
    squatter_goes
done

# The wait unit has the same eyes.
squat 127.0.0.1 unsealed
check 'unsealed, he says: somebody listens' squatter_listens
check 'unsealed, he says: the target is not reached' not inside timeout 5 systemctl start vault-unsealed.target
check 'unsealed, he says: he was asked' gets_nothing
check 'unsealed, he says: not to the daemon' status_is unreachable
inside systemctl stop vault-unsealed-wait.service vault-unsealed.target

now
printf 'allow_plaintext = true\n' >>"$etc/config.toml"
inside systemctl restart vault-unseal
check 'allow_plaintext lets nobody in' is_told
configure "$plain"
sed -i '1i server_users = ["somebody"]' "$etc/config.toml"
inside systemctl restart vault-unseal
check 'server_users does' status_is unsealed
squatter_goes

part 'a Unix socket'
configure unix:///run/openbao/api.sock
sed -i '/^tls /d' "$etc/config.toml"
inside systemctl start vault
now
inside systemctl restart vault-unseal
refusal='SupplementaryGroups='
check 'without its group: the remedy is named' within 20 quietly says "$refusal" journal --unit=vault-unseal --since="$since"
install -D -m 644 "$repository/systemd/examples/unix-socket.conf" \
    "$root/etc/systemd/system/vault-unseal.service.d/unix-socket.conf"
inside systemctl daemon-reload
inside systemctl restart vault-unseal
check 'with the example: unsealed' server_unsealed
check 'with the example: and the daemon says so' status_is unsealed
server_gone
check 'after a crash: unsealed' eval 'status_is unreachable; server_unsealed 60'
inside chmod 777 /run/openbao
inside systemctl restart vault-unseal
check 'a directory for everybody: refused' \
    within 30 quietly says '/run/openbao has mode 0777: others can write to it' journal --unit=vault-unseal --since="$since"
check 'a directory for everybody: unreachable' status_is unreachable
inside chmod 755 /run/openbao
check 'closed again: reached' status_is unsealed

rm -r "$root/etc/systemd/system/vault-unseal.service.d" "$root/etc/systemd/system/vault.service.d"
cp "$work/config.hcl" "$root/etc/openbao/config.hcl"
inside systemctl daemon-reload
configure
inside systemctl restart vault
check 'back over TLS: unsealed' status_is unsealed
check 'back over TLS: the server says so too' server_unsealed
# What waited while somebody else listened was stopped with the server, which counts as a failure.
inside systemctl reset-failed vault-unsealed-wait.service

# The server's own directory, into which a service of a dynamic user cannot look: it stands for what is in it.
part 'a source of credentials out of sight'
vault=$root/etc/vault/closed
install -d -m 750 "$vault"
install -m 666 "$root/etc/vault/tls/vault-ca.crt" "$vault/ca.pem"
inside chown openbao:openbao /etc/vault/closed
install -d "$root/etc/systemd/system/vault-unseal.service.d"
printf '[Service]\nLoadCredential=ca.pem:/etc/vault/closed/ca.pem\n' \
    >"$root/etc/systemd/system/vault-unseal.service.d/ca.conf"
sed -i 's|ca_file = "[^"]*"|ca_file = "/run/credentials/vault-unseal.service/ca.pem"|' "$etc/config.toml"
inside systemctl daemon-reload
now
inside systemctl restart vault-unseal
check 'unsealed, and nothing to warn of' status_is unsealed
check 'root looks into it: check names the file that everybody may write' \
    says 'ca.pem: everybody may write it' eval 'inside vault-unseal check || true'
check 'the service does not, and trusts who closed it' \
    not quietly says 'credential "ca.pem" comes from' journal --unit=vault-unseal --since="$since"
inside chmod 777 /etc/vault/closed
inside systemctl restart vault-unseal
check 'open to everybody: told' \
    within 20 quietly says '/etc/vault/closed has mode 0777' journal --unit=vault-unseal --since="$since"
check 'open to everybody: in STATUS= too, and unsealed all the same' \
    within 20 quietly says '1 unsealed; warning: credential' show vault-unseal.service StatusText
rm -r "$root/etc/systemd/system/vault-unseal.service.d" "$vault"
inside systemctl daemon-reload
configure
inside systemctl restart vault-unseal
check 'back: unsealed' status_is unsealed

# An account that may use the control socket, being in the group of a service that has a user of its own, keeps root from
# nothing.
part 'a crowd at the control socket'
install -m 644 "$here/crowd.pl" "$root/usr/lib/crowd.pl"
echo unseald:x:4243:991::/:/usr/sbin/nologin >>"$root/etc/passwd"
install -d "$root/etc/systemd/system/vault-unseal.service.d"
printf '[Service]\nDynamicUser=no\nUser=unseald\nGroup=unsealers\n' \
    >"$root/etc/systemd/system/vault-unseal.service.d/user.conf"
inside systemctl daemon-reload
# Kept over restarts, it would still be mapped to the dynamic user's.
inside systemctl stop vault-unseal
inside rm -rf /run/vault-unseal /run/private/vault-unseal
inside systemctl start vault-unseal
check 'a user of its own: unsealed' status_is unsealed
check 'a user of its own: its group may use the socket' says '4243 991' inside stat --format='%u %g' /run/vault-unseal/control.sock
check 'its group may ask' says unsealed inside setpriv --reuid=4242 --regid=991 --clear-groups vault-unseal status
inside systemd-run --quiet --unit=crowd --uid=somebody --gid=unsealers --property=LimitNOFILE=8192 \
    --property=StandardOutput=truncate:/var/log/crowd /usr/bin/perl /usr/lib/crowd.pl /run/vault-unseal/control.sock 3000
check 'the crowd is there' within 60 quietly says '^crowded' cat "$root/var/log/crowd"
check 'root holds all the same' inside timeout 10 vault-unseal hold --all
check 'and it is so' status_is held
check 'root resumes all the same' inside timeout 10 vault-unseal resume --all
check 'and it is so again' status_is unsealed
inside systemctl stop crowd
rm -r "$root/etc/systemd/system/vault-unseal.service.d"
inside systemctl daemon-reload
inside systemctl restart vault-unseal
check 'back to its own: unsealed' status_is unsealed
