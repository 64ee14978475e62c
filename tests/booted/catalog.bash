# Everything the daemon said in all of this machine's boots, and what `journalctl -x` makes of it.

catalog=$repository/systemd/vault-unseal.catalog
whole_journal() { inside journalctl --quiet --no-pager "$@"; }
said_ids() { whole_journal --output=json _COMM=vault-unseal | grep -o '"MESSAGE_ID":"[0-9a-f]*' | cut -d'"' -f4 | sort -u; }
catalog_ids() { sed -n 's/^-- //p' "$catalog" | sort; }
# A field that the message does not have is shown as its name, VAULT_NODE; VAULT_NODE=… is part of a command.
explained() { # ID
    local text
    text=$(whole_journal --catalog --lines=1 "MESSAGE_ID=$1")
    printf '%s\n' "$text"
    grep -Eq '^[^ ]* Subject: .+' <<<"$text" && grep -Eq '^[^ ]* Defined-By: vault-unseal$' <<<"$text" &&
        [ "$(grep -Ec '^[^ ]+ .*[a-z]' <<<"$text")" -ge 6 ] && ! grep -Eq '^[^ ]* .*\bVAULT_[A-Z_]+($|[^=A-Z_])' <<<"$text"
}

part 'the catalog'
while read -r id; do
    subject=$(sed -n "/^-- $id/{n;s/^Subject: //p}" "$catalog")
    check "journalctl -x explains: ${subject:-$id, which is not in the catalog}" explained "$id"
done < <(said_ids)
# A name server, a second cluster and a lost keyring are in tests/discovery and tests/unseal; one takes a Vault that is newer.
check 'what was not said here: what takes more than one server, or a broken one' is 'The storage of @VAULT_NODE@ is damaged or not mounted
What would become of a new connection to @VAULT_NODE@
@VAULT_NODE@ keeps answering with errors of its own
The cluster of @VAULT_NODE@ has no active node
@VAULT_NODE@ names a server that gets no shares
@VAULT_NODE@ was removed from its cluster
Several servers answer as @VAULT_NODE@
@VAULT_NODE@ is a member of another cluster' \
    eval 'comm -13 <(said_ids) <(catalog_ids) | while read -r id; do sed -n "/^-- $id/{n;s/^Subject: //p}" "$catalog"; done'
# Without an id a message could not be explained.
check 'each message has an id' is '' eval \
    'whole_journal --output=json _COMM=vault-unseal _TRANSPORT=journal | grep -v "\"MESSAGE_ID\"" | grep -o "\"MESSAGE\":\"[^\"]*"'
