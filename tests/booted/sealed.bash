# Shares at rest in a sealed home: in a file that the TPM opens, and in a credential that systemd opens. From the plain
# file to each, by `enroll`, the shipped drop-in and a reboot.

drop_ins=$root/etc/systemd/system/vault-unseal.service.d

# One of the shipped examples, as it is, and no other.
drop_in() { # NAME.conf
    rm -rf "$drop_ins"
    install -D -m 644 "$repository/systemd/examples/$1" "$drop_ins/$1"
    inside systemctl daemon-reload
}
source_is() { # SHARES, as in the configuration
    configure
    sed -i "s|^shares = .*|shares = $1|" "$etc/config.toml"
}
in_tpm="{ tpm2 = \"/etc/vault-unseal/shares.tpm2\", tcti = \"$tcti\" }"
enroll() { # [FILE] OPTION…
    tpm_flush
    # Over pipes, and with the answer no to every question.
    inside vault-unseal enroll "$@" --tcti "$tcti" </dev/null
}

# Files on the machine's disk that hold a share in any form.
holders() {
    for index in 0 1 2; do share "$index"; done >"$work/shares"
    find "$work/disk/changes" -type f -print0 | xargs -0 perl "$here/holders.pl" "$work/shares" |
        sed "s|^$work/disk/changes||"
}
holds_no_share() { is '' holders && ! quietly says "$(share 0)|$(share 1)|$(share 2)" inside journalctl --quiet; }

unsealed_at_boot() {
    is running machine_booted && server_unsealed 60 && status_is unsealed
}
# Not ended and not started again: it waits for the world to mend.
watches_on() {
    is active inside systemctl is-active vault-unseal && is 0 show vault-unseal.service NRestarts &&
        is 503 server_health
}
told() { says "$1" journal VAULT_STATE=shares-unavailable; }

part 'plain'
tpm_on usual
machine_up
active vault 60
source_is '{ credential = "shares" }'
init_answer=$(bao operator init -key-shares=3 -key-threshold=2 -format=json)
give_shares "$init_answer"
inside systemctl restart vault
check 'a plain file: unsealed' server_unsealed
inside systemctl start vault-unseal
check 'a plain file: it is found on the disk, the test can fail' is /etc/vault-unseal/shares.json holders

part 'sealed to the TPM'
check 'enroll --tpm2 --pcrs --shred' enroll /etc/vault-unseal/shares.json --tpm2 --pcrs 0+7 --shred
source_is "$in_tpm"
drop_in tpm2.conf
check 'the sealed file is for root alone' is '600 0 0' stat -c '%a %u %g' "$etc/shares.tpm2"
check 'the plain file is gone, and no share is on the disk' holds_no_share
# But PrivateUsers=identity, which systemd 252 does not know.
odd_lines() { journal --grep 'vault-unseal.*(Unknown|ignoring|Failed to parse)' | sed '/ignoring: identity$/d'; }
check 'systemd understands every line of the drop-in' is '' odd_lines
reboot_with usual
check 'after a reboot: unsealed' unsealed_at_boot
# When the servers have had what they need.
check 'after a reboot: the journal says by what' within 30 quietly says 'the TPM opens' journal --unit=vault-unseal
machine_power_cut
tpm_off
tpm_on usual
machine_up
check 'after a power cut: unsealed' unsealed_at_boot
inside systemctl restart vault
check 'the server restarts: unsealed' server_unsealed
inside systemctl kill --signal=KILL vault
check 'kill -9 of the server: unreachable meanwhile' status_is unreachable
check 'kill -9 of the server: unsealed' server_unsealed
check 'no helper is left running' not quietly inside pgrep --full vault-unseal-tpm
check 'nothing is left in the TPM' is '' tpm_tool tpm2_getcap handles-transient

part 'another firmware'
reboot_with other
check 'another measurement: shares-unavailable' status_is shares-unavailable 60
check 'another measurement: it names the PCR' told 'PCR 7 [(]sha256[)] no longer holds'
check 'another measurement: it says what to do' told 'vault-unseal enroll --rebind'
check 'another measurement: it runs and watches' watches_on
check 'another measurement: explained by journalctl -x' says 'the TPM does not open it' \
    inside journalctl --boot --quiet --no-pager --catalog VAULT_STATE=shares-unavailable
reboot_with usual
check 'the usual one again: unsealed' unsealed_at_boot
reboot_with other
check 'another one for good: shares-unavailable' status_is shares-unavailable 60
tpm_flush
rebind() { printf '%s\n' "$init_answer" | inside vault-unseal enroll --rebind - --tpm2 --tcti "$tcti"; }
check 'another one for good: enroll --rebind' rebind
inside systemctl restart vault-unseal
check 'another one for good: unsealed' server_unsealed
reboot_with other
check 'another one for good: unsealed at the next boot' unsealed_at_boot

part 'another board, and none'
machine_down
tpm_off
board=$work/board-two
tpm_on other
machine_up
check 'another board: shares-unavailable' status_is shares-unavailable 60
check 'another board: the journal says so' told 'another TPM sealed them'
check 'another board: it says what to do' told 'Seal the shares anew'
check 'another board: it runs and watches' watches_on
machine_down
tpm_off
board=$work/board-one
machine_up
check 'no TPM: shares-unavailable' status_is shares-unavailable 60
check 'no TPM: the journal says so' told 'there is no TPM at'
check 'no TPM: it runs and watches' watches_on
old=$(main_pid)
tpm_on other
check 'it comes late: unsealed' server_unsealed 60
check 'it comes late: the status line' status_is unsealed
check 'it comes late: nothing was restarted' is "$old" main_pid
check 'no share is on the disk or in the journal' holds_no_share

part 'a credential: the host key'
give_shares "$init_answer"
check 'enroll --credential host --shred' enroll /etc/vault-unseal/shares.json --credential host --shred
source_is '{ credential = "shares" }'
rm "$etc/shares.tpm2"
drop_in shares-encrypted.conf
reboot_with usual
check 'after a reboot: unsealed' unsealed_at_boot
check 'it is the encrypted one' says 'LoadCredentialEncrypted=shares:/etc/vault-unseal/shares.cred' \
    inside systemctl cat vault-unseal
check 'no share is on the disk or in the journal' holds_no_share
mv "$root/var/lib/systemd/credential.secret" "$work/secret"
inside systemctl restart vault
check 'without the host key: systemd does not start it' within 20 quietly says 'Failed to set up credentials' \
    journal --unit=vault-unseal
mv "$work/secret" "$root/var/lib/systemd/credential.secret"
check 'with it again: unsealed' server_unsealed 60

part 'a credential: the TPM'
# The first process opens it; where there is no device it has to be told of another way.
machine_options=(--setenv="SYSTEMD_TPM2_DEVICE=$tcti")
for keys in tpm2 host+tpm2; do
    give_shares "$init_answer"
    check "enroll --credential $keys --shred" enroll /etc/vault-unseal/shares.json --credential $keys --shred --force
    reboot_with usual
    check "$keys: after a reboot: unsealed" unsealed_at_boot
    check "$keys: no share is on the disk or in the journal" holds_no_share
done
reboot_with other
check 'another measurement: systemd does not start it' within 20 quietly says 'Failed to set up credentials' \
    journal --unit=vault-unseal
check 'another measurement: the server stays sealed' is 503 server_health
reboot_with usual
check 'the usual one again: unsealed' unsealed_at_boot
