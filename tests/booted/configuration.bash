# Before it is configured, while it is configured wrongly, and every state on the way to an unsealed server.

part 'not configured'
machine_up
check 'the machine boots, nothing fails' is running machine_booted
check 'not configured: not started' is inactive inside systemctl is-active vault-unseal
check 'not configured: systemd says why' says 'ConditionPathExists.*config.toml' inside systemctl status vault-unseal
# What was read before the journal was there is told again.
inside systemctl daemon-reload
# systemd 252 knows no PrivateUsers=identity, says so, and does without PrivateUsers=.
odd='vault-unseal.*(Unknown|ignoring|Failed to parse)' exposure=1.0 complaint=''
if [ "$suite" = bookworm ]; then
    exposure=1.2
    complaint='Failed to parse boolean value, ignoring: identity'
fi
odd_lines() { journal --grep "$odd" | sed 's/.*service:[0-9]*: //' | sort -u; }
check "systemd understands every line of the units${complaint:+ but one}" is "$complaint" odd_lines
verified() {
    inside systemd-analyze verify --man=no vault-unseal.service vault-unsealed-wait.service vault-unsealed.target 2>&1 |
        sed 's/.*service:[0-9]*: //' | sort -u
}
check "systemd-analyze verify finds nothing${complaint:+ else}" is "$complaint" verified
for unit in vault-unseal.service vault-unsealed-wait.service; do
    # Threshold and printed exposure differ by a factor of ten.
    check "exposure by the file of $unit at most $exposure" inside systemd-analyze security --offline=true \
        --threshold="${exposure/./}" \
        "/usr/lib/systemd/system/$unit"
done
for unit in vault-unseal.service vault-unsealed-wait.service; do
    check "exposure of $unit at most $exposure" inside systemd-analyze security --threshold="${exposure/./}" "$unit"
done
check 'not configured: the target is not reached' not inside systemctl start vault-unsealed.target

part 'configured wrongly'
# Functions behind check run where `set -e` does not reach: each line counts.
fails_once() {
    # Failed, and not activating: no other start is to come.
    ! quietly inside systemctl start vault-unseal && is 78 show vault-unseal.service ExecMainStatus &&
        is failed inside systemctl is-active vault-unseal && is 0 show vault-unseal.service NRestarts &&
        says "$1" journal --unit=vault-unseal --lines=5
}
configure
sed -i 's/^nodes /node /' "$etc/config.toml"
check 'unknown key: fails once with 78, names file and line' fails_once 'config.toml:2.*node'
configure
check 'no share file: fails once with 78 and names it' fails_once 'credential "shares", from /etc/vault-unseal/shares.json: it is empty'
sed -i 's/credential = "shares"/file = "\/etc\/vault-unseal\/shares.json"/' "$etc/config.toml"
give_shares "$(wrong_share 9)"
check 'a share file for root alone: fails once with 78 and names LoadCredential=' fails_once 'LoadCredential='
check 'the refusal is explained by journalctl -x' says 'not started again by itself' \
    inside journalctl --boot --quiet --no-pager --catalog --unit=vault-unseal
configure

part 'every state on the way'
give_shares "$(wrong_share 1; wrong_share 2)"
check 'it starts once the configuration is right' inside systemctl start vault-unseal
check 'a new server: uninitialized' status_is uninitialized
init_answer=$(bao operator init -key-shares=5 -key-threshold=2 -format=json)
token=$(sed -n 's/.*"root_token": "\(.*\)".*/\1/p' <<<"$init_answer")
check 'other shares: shares-rejected' status_is shares-rejected 60
check 'other shares: explained' says 'refuses the shares of this machine' \
    inside journalctl --boot --quiet --no-pager --catalog VAULT_STATE=shares-rejected
give_shares "$(share 0)"
inside systemctl restart vault
check 'one share of two: waiting-for-peers' status_is 'waiting-for-peers (1/2)'
check 'one share of two: the target waits' is inactive inside systemctl is-active vault-unsealed.target
bao operator unseal "$(share 1)" >"$work/unseal"
check 'the other one by hand: unsealed' status_is unsealed 60
give_shares "$init_answer"
inside systemctl restart vault
check 'all shares: unsealed' status_is unsealed
check 'all shares: the server says so too' server_unsealed
check 'a root token beside the shares is warned about' says 'root token' journal --unit=vault-unseal --priority=warning

part 'share file elsewhere'
install -D -m 644 "$repository/systemd/examples/shares-elsewhere.conf" \
    "$root/etc/systemd/system/vault-unseal.service.d/shares.conf"
inside systemctl daemon-reload
mv "$shares" "$root/etc/vault/unseal.json"
inside systemctl restart vault
check 'a drop-in of one line: unsealed' server_unsealed
mv "$root/etc/vault/unseal.json" "$shares"
inside systemctl stop vault-unseal
check 'nothing there: fails once with 78 and names it' fails_once 'credential "shares", from /etc/vault/unseal.json: it is empty'
rm -r "$root/etc/systemd/system/vault-unseal.service.d"
inside systemctl daemon-reload
inside systemctl start vault-unseal
check 'back at its place: unsealed' status_is unsealed
