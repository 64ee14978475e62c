# From the packages of an earlier version to those of this one and back: each reads what the other wrote, and a hold and a
# round in flight stay. The machine begins with the earlier ones.

drop_ins=$root/etc/systemd/system/vault-unseal.service.d
for file in "${!later_packages[@]}"; do cp "${later_packages[$file]}" "$root/root/later-$file.deb"; done
for file in vault-unseal vault-unseal-tpm; do cp "$root/root/$file.deb" "$root/root/earlier-$file.deb"; done

# As `apt install ./…` does it, but for what it asks.
installs() { # earlier or later: another process runs
    local old
    old=$(main_pid)
    inside dpkg --install "/root/$1-vault-unseal.deb" "/root/$1-vault-unseal-tpm.deb" &&
        is_new_pid "$old" && active vault-unseal
}
version_is() { # PACKAGE.deb
    is "$(dpkg-deb --field "$1" Version)" inside dpkg-query --show --showformat='${Version}' vault-unseal
}
enroll() {
    tpm_flush
    inside vault-unseal enroll "$@" --tcti "$tcti" </dev/null
}
source_is() { sed -i "s|^shares = .*|shares = $1|" "$etc/config.toml"; }
restarts() { inside systemctl restart vault && server_unsealed 60; }
finds_no_problem() { inside vault-unseal check --json | jq --exit-status '[.findings[] | select(.severity == "problem")] == []'; }

part 'the earlier version'
tpm_on usual
machine_up
active vault 60
# Whatever a configuration could have then.
cat >"$etc/config.toml" <<'END'
log_level        = "info"
poll_interval    = "1s"
request_timeout  = "10s"

[[cluster]]
name   = "home"
on_operator_seal = "hold"
nodes  = ["https://vault.home:8200"]
shares = { credential = "shares" }
tls    = { ca_file = "/etc/vault/tls/vault-ca.crt", server_name = "vault.home" }
END
init_answer=$(bao operator init -key-shares=3 -key-threshold=2 -format=json)
token=$(sed -n 's/.*"root_token": "\(.*\)".*/\1/p' <<<"$init_answer")
give_shares "$init_answer"
inside systemctl restart vault-unseal
check 'it is the earlier one' version_is "$package"
check 'unsealed' server_unsealed 60
check 'its configuration is good' finds_no_problem
check 'shares sealed by it' enroll /etc/vault-unseal/shares.json --tpm2 --pcrs 0+7
cp "$etc/shares.tpm2" "$work/earlier.tpm2"

part 'a hold'
check 'held by the earlier one' says 'held until' inside vault-unseal hold --all
check 'the later one takes its place' installs later
check 'it is the later one' version_is "${later_packages[vault-unseal]}"
check 'still held' status_is held
# Since when and by whom the earlier one did not note.
check 'status says so' says 'vault.home:8200 +held' inside vault-unseal status
inside systemctl restart vault
check 'still held when the server is sealed' status_is held
check 'and nothing was submitted' is 503 server_health
check 'resumed' inside vault-unseal resume --all
check 'unsealed' server_unsealed 60
check 'the configuration is good' finds_no_problem
# What is sealed in the first two seconds is said to seal itself.
sleep 3
check "an operator's seal is held by the later one" bao operator seal
check 'the later one says so' status_is held
check 'the earlier one takes its place again' installs earlier
check 'still held by the earlier one' status_is held
check 'resumed by it' inside vault-unseal resume --all
check 'unsealed by it' server_unsealed 60

part 'a round in flight'
give_shares "$(share 0)"
inside systemctl restart vault
check 'its only share is in' status_is 'waiting-for-peers (1/2)'
check 'the later one takes its place' installs later
check 'the round goes on' status_is 'waiting-for-peers (1/2)'
check 'the other share' bao operator unseal "$(share 1)"
check 'unsealed' status_is unsealed 60
inside systemctl restart vault
check 'its only share is in again' status_is 'waiting-for-peers (1/2)'
check 'the earlier one takes its place again' installs earlier
check 'and there the round goes on, too' status_is 'waiting-for-peers (1/2)'
check 'the other share again' bao operator unseal "$(share 1)"
check 'unsealed again' status_is unsealed 60

part 'shares sealed to the TPM'
source_is "{ tpm2 = \"/etc/vault-unseal/shares.tpm2\", tcti = \"$tcti\" }"
mkdir -p "$drop_ins"
# What is below /usr/share/doc is not unpacked on a machine for tests.
dpkg-deb --fsys-tarfile "$package" | tar -xO ./usr/share/doc/vault-unseal/examples/tpm2.conf >"$drop_ins/tpm2.conf"
rm "$shares"
inside systemctl daemon-reload
inside systemctl restart vault-unseal
check 'opened by the one that sealed them' restarts
check 'the later one takes its place' installs later
check 'opened by the later one' restarts
check 'the drop-in of the earlier one still serves' finds_no_problem
reboot_with usual
check 'after a reboot, too' server_unsealed 90
give_shares "$init_answer"
check 'sealed anew by the later one' enroll /etc/vault-unseal/shares.json --tpm2 --pcrs 0+7 --force
check 'the file is another one' not quietly cmp "$work/earlier.tpm2" "$etc/shares.tpm2"
rm "$shares"
check 'opened by it' restarts
check 'the earlier one takes its place again' installs earlier
check 'and opens what the later one sealed' restarts
check 'nothing failed' is '' inside systemctl list-units --failed --plain --no-legend
