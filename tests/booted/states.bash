# The states that it takes more for than one server and one share file: a share file that vanishes, shares of strangers,
# a share that rotted, a second node of the cluster, another seal. Ends with a server that no share opens any more.

summary_is() { within "${2:-20}" quietly is "$1" status_text || is "$1" status_text; } # TEXT [SECONDS]
went_through() { # ADDRESS STATE: and is not there to stay
    local states
    states=$(journal --output=json "VAULT_NODE=$1" | grep -o '"VAULT_STATE":"[a-z-]*' | cut -d'"' -f4 | uniq)
    printf '%s\n' "$states"
    grep -qx "$2" <<<"$states"
}

part 'a share file that vanishes'
# As a file, which the service reads again each time; a group lets it.
configure
sed -i 's/credential = "shares"/file = "\/etc\/vault-unseal\/shares.json"/' "$etc/config.toml"
mkdir -p "$root/etc/systemd/system/vault-unseal.service.d"
printf '[Service]\nSupplementaryGroups=unsealers\n' >"$root/etc/systemd/system/vault-unseal.service.d/group.conf"
chown 0:991 "$shares"
chmod 640 "$shares"
inside systemctl daemon-reload
inside systemctl restart vault-unseal
check 'a file of its group: unsealed' status_is unsealed
mv "$shares" "$work/shares.json"
bao operator seal >"$work/seal"
check 'sealed while the file is away: shares-unavailable' status_is shares-unavailable
check 'sealed while the file is away: the journal names it' says '/etc/vault-unseal/shares.json' journal VAULT_STATE=shares-unavailable
mv "$work/shares.json" "$shares"
check 'the file is back: unsealed' status_is unsealed 60
check 'the file is back: the server says so too' server_unsealed
rm -r "$root/etc/systemd/system/vault-unseal.service.d"
inside systemctl daemon-reload
configure

part 'shares of others'
give_shares "$(share 0)"
inside systemctl restart vault-unseal
bao operator seal >"$work/seal"
check 'one share of two: waiting-for-peers' status_is 'waiting-for-peers (1/2)'
# An error once the round is over.
bao operator unseal "$(wrong_share 9)" >"$work/stranger" 2>&1 || true
check 'a wrong share of another: the journal says so' \
    within 10 quietly says . journal "MESSAGE_ID=$(message_id 'An unseal round of .* failed')"
check 'a wrong share of another: its own is in again' status_is 'waiting-for-peers (1/2)'
bao operator unseal "$(share 1)" >"$work/unseal"
check 'the right share of another: unsealed' status_is unsealed 60
give_shares "$init_answer"
inside systemctl stop vault-unseal
bao operator seal >"$work/seal"
bao operator unseal "$(wrong_share 9)" >"$work/stranger"
inside systemctl start vault-unseal
check 'a wrong share before its first one: unsealed' status_is unsealed 60
check 'a wrong share before its first one: the journal says so' \
    says . journal "MESSAGE_ID=$(message_id 'Somebody else submits')"
# The first digit of the first share becomes another.
bad=$(share 0)
case $bad in 0*) bad=1${bad#?} ;; *) bad=0${bad#?} ;; esac
give_shares "$(printf '%s\n' "$bad" "$(share 1)" "$(share 2)" "$(share 3)" "$(share 4)")"
inside systemctl restart vault
check 'a corrupt share among five: unsealed' status_is unsealed
check 'a corrupt share among five: named by its place' says 'share 1 of the source does not fit' journal --unit=vault-unseal --priority=warning
give_shares "$init_answer"
inside systemctl restart vault-unseal

part 'a second node of the cluster'
sed -e 's/:8200/:8300/; s/:8201/:8301/; s/"one"/"two"/; s|/var/lib/openbao|/var/lib/openbao-two|' \
    -e '/^storage/a\  retry_join {\n    leader_api_addr = "https://vault.home:8200"\n    leader_ca_cert_file = "/etc/vault/tls/vault-ca.crt"\n  }' \
    "$root/etc/openbao/config.hcl" >"$root/etc/openbao/two.hcl"
sed -e 's|config.hcl|two.hcl|; s/StateDirectory=openbao/&-two/' "$root/etc/systemd/system/vault.service" >"$root/etc/systemd/system/two.service"
inside systemctl daemon-reload
configure 'https://vault.home:8200", "https://vault.home:8300'
inside systemctl reload vault-unseal
check 'not started yet: counted apart' summary_is '2 nodes: 1 unreachable, 1 unsealed'
inside systemctl start two
check 'both are unsealed' summary_is '2 nodes: 2 unsealed' 60
check 'it joined on the way' went_through https://vault.home:8300 joining
check 'it is a standby' within 20 quietly says '8300 .*unsealed \(standby\)' inside vault-unseal status
check 'the other one is active' within 20 quietly says '8200 .*unsealed \(active\)' inside vault-unseal status
inside systemctl restart two
check 'the standby restarts: both are unsealed' summary_is '2 nodes: 2 unsealed' 60
bao operator raft remove-peer two >"$work/removed"
inside systemctl stop two
check 'the standby stops: counted apart' summary_is '2 nodes: 1 unreachable, 1 unsealed'
configure
inside systemctl reload vault-unseal
check 'no longer in the configuration: no longer counted' summary_is '1 node: 1 unsealed'

part 'servers by their name'
# From within the sandbox, by the system's resolver: what /etc/hosts says is what it finds.
configure dns+https://vault.home:8200
printf 'resolve_interval = "1s"\nforget_after = "1s"\n' >>"$etc/config.toml"
inside systemctl reload vault-unseal
check 'the address of the name: unsealed' summary_is '1 node: 1 unsealed'
check 'the address of the name: the journal tells that it was found' \
    within 10 quietly says https://10.77.0.1:8200 journal "MESSAGE_ID=$(message_id 'was found in DNS')"
printf '127.9.9.9 vault.home\n' >>"$root/etc/hosts"
check 'one address more: watched too' summary_is '2 nodes: 1 unreachable, 1 unsealed'
sed -i '/^127\.9\.9\.9 /d' "$root/etc/hosts"
check 'one address less: the journal says so' \
    within 20 quietly says https://127.9.9.9:8200 journal "MESSAGE_ID=$(message_id 'is no longer in DNS')"
check 'one address less: forgotten when it has been silent for long enough' summary_is '1 node: 1 unsealed'
check 'one address less: the journal tells that, too' \
    says https://127.9.9.9:8200 journal "MESSAGE_ID=$(message_id 'is no longer watched')"
mv "$root/etc/hosts" "$work/hosts"
check 'no name any more: the status says so' within 20 quietly says '^1 node: 1 unsealed; .*vault.home' status_text
check 'no name any more: the journal, too' says vault.home journal "MESSAGE_ID=$(message_id 'cannot be looked up')"
mv "$work/hosts" "$root/etc/hosts"
check 'the name is back: nothing was forgotten' summary_is '1 node: 1 unsealed'
check 'the name is back: the journal says so' says vault.home journal "MESSAGE_ID=$(message_id 'can be looked up again')"
configure
inside systemctl reload vault-unseal
check 'named by its address again: unsealed' summary_is '1 node: 1 unsealed'

part 'sealed on purpose'
# An unsealing has to last for two seconds before whoever ends it is an operator.
sleep 3
bao operator seal >"$work/seal"
check 'sealed by an operator: the journal gives the command' within 20 quietly says 'an operator sealed it.*vault-unseal hold https' journal
check 'sealed by an operator: unsealed again' status_is unsealed
bao operator seal >"$work/seal"
check 'sealed at once after it: counts as the server itself' within 20 quietly says ': seals-itself .*vault-unseal hold https' journal
check 'sealed at once after it: unsealed again' status_is unsealed

part 'another seal'
openssl rand 32 >"$root/etc/openbao/seal.key"
chown 990:990 "$root/etc/openbao/seal.key"
cat >>"$root/etc/openbao/config.hcl" <<'END'
seal "static" {
  current_key_id = "one"
  current_key = "file:///etc/openbao/seal.key"
}
END
inside systemctl restart vault
check 'on its way to another seal: migrating' status_is migrating
check 'on its way to another seal: left alone' says 'Unseal Progress +0/2' eval 'bao status || true'
for index in 0 1; do bao operator unseal -migrate "$(share $index)" >"$work/migrate"; done
# At once, rather than at the next of its rare looks.
inside systemctl reload vault-unseal
check 'moved by hand: unsealed' status_is unsealed 60
bao operator seal >"$work/seal"
check 'sealed with another seal: foreign-seal' status_is foreign-seal
check 'sealed with another seal: left alone' says 'Unseal Progress +0/2' eval 'bao status || true'
inside systemctl restart vault
check 'it opens by itself: unsealed' status_is unsealed
