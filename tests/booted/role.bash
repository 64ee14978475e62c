# The Ansible role on three hosts: in check mode, on fresh hosts, again, changed, wrongly, with every source of shares, over a
# shell script's unit; and that no share is found in anything that is printed, logged or left.

. "$here/ansible.bash"

part 'a cluster, a repository, a controller'
first_ansible=newest
[ "$suite" != bookworm ] || first_ansible=debian
check 'the newest Ansible is there' newest_install
mkdir -p "$top/target/packages"
cp "$package" "$helper_package" "$top/target/packages"
key=$(new_key role 2y)
work=$top
check 'a repository is made' publish file:/srv/vault-unseal "$key"
on 1
# There is no internet.
for k in 1 2 3; do
    rm -f "$top/$k"/disk/root/etc/apt/sources.list "$top/$k"/disk/root/etc/apt/sources.list.d/*
    cp -a "$top/repository/public" "$top/$k/disk/root/srv/vault-unseal"
done
cp "$top/repository/public/vault-unseal-archive-keyring.pgp" "$plays/files/"
for k in 1 2 3; do on "$k" && machine_up; done
on 1
check 'the hosts boot' each is running machine_booted
active vault 60
init_answer=$(bao operator init -key-shares=3 -key-threshold=2 -format=json)
for k in 1 2 3; do share $((k - 1)) >"$plays/files/shares/host$k.txt"; done
printf '%s\n' "$init_answer" >"$plays/files/init.json"
for k in 0 1 2; do share "$k"; done >"$top/shares"
echo "$RANDOM$RANDOM" >"$plays/password"
cp "$root/etc/vault/tls/vault-ca.crt" "$plays/files/"

cat >"$plays/hosts.yml" <<END
all:
  hosts:
    host1: { ansible_host: 10.77.0.1 }
    host2: { ansible_host: 10.77.0.2, ansible_user: admin }
    host3: { ansible_host: 10.77.0.3, vault_unseal_install: repository }
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: $top/key
    vault_unseal_install: files
    vault_unseal_files: ["$package", "$helper_package"]
    vault_unseal_repository_url: file:/srv/vault-unseal
    vault_unseal_repository_key: vault-unseal-archive-keyring.pgp
    vault_unseal_repository_fingerprints: ["$key"]
    vault_unseal_ca: vault-ca.crt
    vault_unseal_clusters:
      - nodes: ["https://10.77.0.1:8200", "https://10.77.0.2:8200", "https://10.77.0.3:8200"]
        tls: { ca_file: /etc/vault-unseal/ca.crt }
    vault_unseal_shares_from: "shares/{{ inventory_hostname }}.txt"
END
cat >"$plays/play.yml" <<'END'
- hosts: all
  become: true
  roles: [vault_unseal]
END

base64_share() { share "$1" | perl -ne 'chomp; print pack "H*", $_' | base64 --wrap=0; }
# What would tell that a run has touched a host.
fingerprint() {
    (cd "$root" && find etc usr/bin/vault-unseal usr/share/keyrings var/cache/vault-unseal-packages -type f ! -name '*~' 2>/dev/null | sort | xargs sha256sum) || true
    main_pid
}
as_before() { fingerprint >"$work/now" && diff "$work/before" "$work/now"; }
note() { fingerprint >"$work/before"; }
is_sealed() { says '^503$' host_health; }

part 'fresh hosts'
each note
check 'check mode on fresh hosts' play "$first_ansible" play.yml --check
check 'has changed nothing' each as_before
for wrong in 'vault_unseal_install: snap|snap' 'vault_unseal_repository_fingerprints: [1234]|40 hexadecimal digits' \
    'vault_unseal_shares: tmp2|tmp2' 'vault_unseal_clusters: [{name: a}]|list `nodes`' 'vault_unseal_shares_from: nowhere|no file nowhere' \
    'vault_unseal_shares_file: shares.json|absolute paths' 'vault_unseal_shares_file: /etc/vault/unseal.json|below /etc/vault-unseal' 'vault_unseal_takeover: {}|takeover'; do
    check "refused early: ${wrong%%|*}" fails_with "${wrong#*|}" "$first_ansible" play.yml --limit host3 -e "{${wrong%%|*}}"
done
check 'a key with another fingerprint' fails_with 'Compare the key' "$first_ansible" play.yml --limit host3 \
    -e "{vault_unseal_repository_fingerprints: ['$(printf %040d 7)']}"
check 'has changed nothing' each as_before
check 'still sealed' is 503 host_health
check 'the role runs, and waits until the servers are unsealed' play "$first_ansible" play.yml -e vault_unseal_wait=90s
check 'two of three shares unseal three servers' each host_unsealed
part_of() { is "$(share $((chosen - 1)))" cat "$shares" && is '600 0 0' stat -c '%a %u %g' "$shares"; }
check 'each host has its own share, for root alone' each part_of
check 'the second run changes nothing' unchanged "$first_ansible" play.yml
check 'nor does check mode' unchanged "$first_ansible" play.yml --check
check 'nor does the newest Ansible' unchanged newest play.yml
check "nor Debian's" unchanged debian play.yml

part 'by themselves'
on 2
inside systemctl restart vault
check 'a server restarts: unsealed' host_unsealed
machine_down
machine_up
check 'a host boots: unsealed' host_unsealed 90
check 'nothing failed there' is running machine_booted

part 'changes'
on 1
sed -i 's/^    vault_unseal_clusters:/    vault_unseal_settings: { poll_interval: 2s, presence: true }\n&/' "$plays/hosts.yml"
before=$(main_pid)
each note
check 'check mode shows a change' eval 'play $first_ansible play.yml --check && grep -q "^+poll_interval = \"2s\"" "$top/last"'
check 'and makes none' each as_before
check 'a change of a key' play "$first_ansible" play.yml
check 'is written' says '^poll_interval = "2s"' cat "$etc/config.toml"
check 'and read by a reload' ran_handler 'Reload vault-unseal'
check 'not a restart' is "$before" main_pid
kept() { find "$etc" -name 'config.toml.*~' | wc -l; }
check 'the file before is kept' is 1 kept
each note
check 'what vault-unseal refuses ends the run' fails_with 'poll_intervall' "$first_ansible" play.yml \
    -e '{"vault_unseal_settings": {"poll_intervall": "2s"}}'
check 'and is not put in place' each as_before
check 'the daemon is unharmed' eval 'inside vault-unseal status --exit-code && is unsealed eval "inside vault-unseal status | sed 1d | awk \"{ print \\\$2 }\" | sort -u"'
cp "$plays/files/init.json" "$plays/files/shares/host1.txt"
check 'other shares replace none that are there' fails_with 'has other shares' "$first_ansible" play.yml
check 'which stay' part_of
check 'unless that is wanted' play "$first_ansible" play.yml -e vault_unseal_replace_shares=true
check 'are put in place' cmp "$plays/files/init.json" "$shares"
check 'and read by a restart' is_new_pid "$before"
check 'only there' eval 'recap host2 | grep -q changed=0'
share 0 >"$plays/files/shares/host1.txt"
inside sed -i 's/^poll_interval.*/poll_interval = "3s" # mine/' /etc/vault-unseal/config.toml
check 'over a configuration that was written by hand' play "$first_ansible" play.yml --limit host1 -e vault_unseal_replace_shares=true
check 'that is kept beside it' grep -q mine -r "$etc"
check 'and the next run changes nothing' unchanged "$first_ansible" play.yml
# As a run leaves it that ends before its handlers.
before=$(main_pid)
cp "$plays/files/init.json" "$plays/files/shares/host1.txt"
cat "$plays/files/init.json" >"$shares"
check 'shares that the service does not have yet' play "$first_ansible" play.yml --limit host1
check 'are read by a restart' is_new_pid "$before"
share 0 >"$plays/files/shares/host1.txt"
check 'its own share again' play "$first_ansible" play.yml --limit host1 -e vault_unseal_replace_shares=true

part 'sealed on the host'
on 3
check "a file is encrypted" ansible-vault encrypt --vault-password-file "$plays/password" --output "$plays/files/shares/host3.vaulted" "$plays/files/init.json"
sed -i 's|host3: { |&vault_unseal_shares: credential, vault_unseal_credential_keys: host, vault_unseal_shares_from: shares/host3.vaulted, |' "$plays/hosts.yml"
note
check 'check mode' play "$first_ansible" play.yml --limit host3 --check
check 'changes nothing' as_before
inside rm /etc/vault-unseal/shares.json
check 'an encrypted credential, of a file that ansible-vault encrypted' play "$first_ansible" play.yml --limit host3
check 'is there' is '600 0 0' stat -c '%a %u %g' "$etc/shares.cred"
check 'it is the only file of shares' is shares.cred eval 'cd "$etc" && ls shares*'
inside systemctl restart vault
check 'a server restarts: unsealed' host_unsealed
check 'the second run changes nothing' unchanged "$first_ansible" play.yml
on 1
tpm_on usual
sed -i "s|host1: { |&vault_unseal_shares: tpm2, vault_unseal_tcti: \"$tcti\", vault_unseal_pcrs: \"7\", |" "$plays/hosts.yml"
# There is no device for the service to wait for.
inside rm /etc/vault-unseal/shares.json
check 'sealed to a TPM' play "$first_ansible" play.yml --limit host1
check 'is there' is '600 0 0' stat -c '%a %u %g' "$etc/shares.tpm2"
check 'the drop-in before is gone' is tpm2.conf ls "$root/etc/systemd/system/vault-unseal.service.d"
inside systemctl restart vault
check 'a server restarts: unsealed' host_unsealed
check 'the second run changes nothing' unchanged "$first_ansible" play.yml

part 'over a shell script'
on 2
inside systemctl --quiet disable --now vault-unseal 2>/dev/null
inside dpkg --purge vault-unseal-tpm vault-unseal >/dev/null 2>&1
rm -rf "$etc" "$root"/etc/systemd/system/vault-unseal*.d
cat >"$old" <<'UNIT'
[Unit]
After=vault.service
Requires=vault.service
PartOf=vault.service
[Service]
Type=oneshot
ExecStart=/etc/vault/vault-unseal.sh
[Install]
WantedBy=multi-user.target vault.service
UNIT
printf '[Timer]\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n' >"$timer"
cat >"$root/etc/vault/vault-unseal.sh" <<'SCRIPT'
#!/bin/sh
URL=https://10.77.0.2:8200
until curl -sk "$URL/v1/sys/health" >/dev/null; do sleep 1; done
for key in $(grep -oE '[0-9a-f]{66}' /etc/vault/unseal.json); do
    curl -sk -X PUT -d "{\"key\": \"$key\"}" "$URL/v1/sys/unseal" >/dev/null
done
SCRIPT
chmod 755 "$root/etc/vault/vault-unseal.sh"
(umask 077 && printf '{"keys": ["%s", "%s"]}\n' "$(share 0)" "$(share 1)" >"$root/etc/vault/unseal.json")
chown -R 990:990 "$root/etc/vault"
chmod 750 "$root/etc/vault" "$root/etc/vault/tls"
inside systemctl daemon-reload
inside systemctl --quiet enable vault-unseal vault-unseal.timer 2>/dev/null
inside systemctl start vault-unseal.timer
inside systemctl restart vault
check 'the script unseals' host_unsealed
check 'and ends' within 30 quietly is 0 main_pid
server_pid=$(show vault.service MainPID)
sed -i 's|host2: { |&vault_unseal_shares_file: /etc/vault/unseal.json, vault_unseal_shares_from: "", vault_unseal_ca: "", vault_unseal_ca_credential: /etc/vault/tls/vault-ca.crt, vault_unseal_clusters: [{ nodes: ["https://10.77.0.2:8200"], tls: { ca_credential: ca } }], |' "$plays/hosts.yml"
note
check 'without a word of that the role does not begin' fails_with 'Nothing was changed' "$first_ansible" play.yml --limit host2
check 'and has changed nothing' as_before
sed -i 's|host2: { |&vault_unseal_takeover: true, |' "$plays/hosts.yml"
check 'check mode' play "$first_ansible" play.yml --limit host2 --check
check 'changes nothing' as_before
mv "$root/etc/vault/unseal.json" "$work/unseal.json"
check 'without its shares the old unit stays' fails_with 'There are no shares' "$first_ansible" play.yml --limit host2
check 'and is in force' says 'path=/etc/vault/vault-unseal.sh ;' show vault-unseal.service ExecStart
mv "$work/unseal.json" "$root/etc/vault/unseal.json"
check 'taken over' play "$first_ansible" play.yml --limit host2
check 'our own unit runs' says 'path=/usr/bin/vault-unseal ;' show vault-unseal.service ExecStart
check 'the timer is put away' not inside systemctl --quiet is-active vault-unseal.timer
check 'the server was not touched' is "$server_pid" show vault.service MainPID
check 'nor sealed' is 200 host_health
check 'the share file is as it was' is '990:990 600' stat -c '%u:%g %a' "$root/etc/vault/unseal.json"
check 'the second run changes nothing' unchanged "$first_ansible" play.yml
check 'nor the newest Ansible' unchanged newest play.yml
inside systemctl restart vault
check 'a server restarts: unsealed' host_unsealed
check 'the way back is kept' inside bash -eu /var/backups/vault-unseal-back.sh
check 'and leads back' says 'path=/etc/vault/vault-unseal.sh ;' show vault-unseal.service ExecStart
check 'which the role takes over again' play "$first_ansible" play.yml --limit host2
check 'our own unit runs' says 'path=/usr/bin/vault-unseal ;' show vault-unseal.service ExecStart

part 'no share anywhere else'
each inside journalctl --sync
# In everything that was printed, in what Ansible left on this machine and on the hosts, in their journals.
found() {
    local k
    find "$said" "$top/home" "$top/last" -type f -exec perl "$here/holders.pl" "$top/shares" {} +
    for k in 1 2 3; do
        find "$top/$k/disk/changes" -type f -exec perl "$here/holders.pl" "$top/shares" {} +
        at "$k" inside journalctl --quiet --no-pager --all --output=export >"$top/journal"
        perl "$here/holders.pl" "$top/shares" "$top/journal" | sed "s/$/ $k/"
        find "/proc/$(at "$k" eval 'echo $init')/root/"{run,dev/shm,tmp} -xdev -type f -exec perl "$here/holders.pl" "$top/shares" {} +
    done | grep -v -e '/2/disk/changes/etc/vault/unseal.json$'
}
check 'in nothing that was printed, logged or left' is '' found
planted() { # WHERE COMMAND…: the search finds it
    "${@:2}" || return 1
    says "$1" found
}
check 'in a log it would be found' planted '^.*/journal 1$' at 1 inside logger "args: $(share 1)"
check 'in a file that is left it would be found' planted 'changes/root/.ansible/tmp/left' \
    eval 'mkdir -p "$top/1/disk/root/root/.ansible/tmp" && share 0 >"$top/1/disk/root/root/.ansible/tmp/left"'
check 'in memory it would be found' planted 'dev/shm/left' at 3 inside sh -c "echo $(share 0) >/dev/shm/left"
check 'in what is printed it would be found' planted "^$said" eval 'printf "ok: {\"content\": \"%s\"}\n" "$(base64_share 2)" >>"$said"'
