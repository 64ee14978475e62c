# The package of the observer: nothing of it is enabled before somebody does so. Its exporter before, after and without the
# daemon; its timer that writes for node_exporter; its notifier as a service; upgraded and removed.

[ -n "$observer_package" ] || { skip 'the package of the observer' 'there is no package'; return 0; }

exporter=vault-unseal-exporter.service
notifier=vault-unseal-notify.service
textfile=vault-unseal-textfile
directory=/var/lib/prometheus/node-exporter
metrics=$root$directory/vault-unseal.prom

scrape() { inside curl --silent --show-error --max-time 15 "$@"; }
exported() { scrape http://127.0.0.1:9412/metrics; }
exports() { # PATTERN of a whole line
    # Not through a pipe, which grep closes when it has found it.
    local got
    got=$(exported 2>&1)
    grep --quiet --extended-regexp --line-regexp "$1" <<<"$got" || { printf '%s\n' "$got"; return 1; }
}
values() { exported | grep --invert-match '^#'; }
written() { grep --quiet --extended-regexp --line-regexp "$1" "$metrics"; } # PATTERN
newer() { [ "$metrics" -nt "$work/before" ]; }
state_of() { inside systemctl is-active "$1" || true; }
# What `run` says and does when it is started with a configuration that is wrong.
refuses_with_78() { inside systemctl restart "$1"; [ "$(show "$1" ExecMainStatus)" = 78 ] && [ "$(show "$1" NRestarts)" = 0 ]; }
memory() { inside sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$(show "$1" MainPID)/status"; }
# The package in a later version of itself.
later_observer() {
    dpkg-deb --raw-extract "$observer_package" "$work/later-observer" &&
        sed -i 's/^Version: .*/&+later/' "$work/later-observer/DEBIAN/control" &&
        sed -i 's/^Description=.*/& (later)/' "$work/later-observer/usr/lib/systemd/system/$exporter" &&
        dpkg-deb --root-owner-group -Znone --build "$work/later-observer" "$root/root/later-observer.deb"
}

part 'the package of the observer'
cp "$observer_package" "$root/root/observer.deb"
check 'installs' inside dpkg --install /root/observer.deb
for unit in $exporter $notifier $textfile.timer; do
    check "$unit is not enabled" is disabled eval "inside systemctl is-enabled $unit || true"
    check "$unit does not run" is inactive state_of "$unit"
    check "systemd finds nothing wrong with $unit" \
        not quietly says 'vault-unseal-(exporter|notify|textfile)' inside systemd-analyze verify --man=no "$unit"
done
for unit in $exporter $notifier $textfile.service; do
    check "$unit: its exposure is at most 1.5" inside systemd-analyze security --threshold=15 --no-pager "$unit"
done
check 'its page is there' test -s "$root/usr/share/man/man8/vault-unseal-observer.8.gz" -o -d "$root/usr/share/doc"

part 'the exporter'
check 'after the daemon: it starts' inside systemctl start $exporter
check 'after the daemon: its metrics' exports 'vault_unseal_node_state\{.*,state="unsealed"\} 1'
check 'after the daemon: it answers' exports 'vault_unseal_daemon_up 1'
check 'in the type that Prometheus knows' says '^content-type: text/plain; version=0.0.4' \
    eval 'scrape --head http://127.0.0.1:9412/metrics | tr A-Z a-z'
check "under vault_exporter's names" says '^vault_(up|sealed)' scrape 'http://127.0.0.1:9412/metrics?names=vault_exporter'
check 'somebody scrapes' says '^vault_unseal_daemon_up 1$' somebody curl --silent http://127.0.0.1:9412/metrics
check 'others than this machine do not' not quietly scrape http://10.77.0.1:9412/metrics
check 'nothing can be ordered through it' is 405 scrape --output /dev/null --write-out '%{http_code}' --data x=y http://127.0.0.1:9412/metrics
check 'its user is made up' test "$(inside stat --format=%u "/proc/$(show $exporter MainPID)")" -ge 61184
check 'it takes at most 12 MiB' test "$(memory $exporter)" -le 12288
check 'its status' says 'the daemon answers' show $exporter StatusText
check 'the journal knows whose words they are' says 'serves http://127.0.0.1:9412/metrics' \
    journal --unit=$exporter --identifier=vault-unseal-exporter

inside systemctl stop vault-unseal
check 'without the daemon: it says so' within 20 quietly exports 'vault_unseal_daemon_up 0'
check 'without the daemon: and nothing else' is 'vault_unseal_daemon_up 0' values
check 'without the daemon: its status' says 'the daemon does not answer' show $exporter StatusText
check 'the daemon is not started by that' is inactive state_of vault-unseal
inside systemctl restart $exporter
check 'before the daemon: it serves' exports 'vault_unseal_daemon_up 0'
inside systemctl start vault-unseal
check 'before the daemon: and what it tells once it is there' within 20 quietly exports 'vault_unseal_node_state\{.*,state="unsealed"\} 1'

old=$(show $exporter MainPID)
inside systemctl kill --signal=KILL $exporter
check 'killed: it comes back' within 20 quietly exports 'vault_unseal_daemon_up 1'
check 'killed: another process' test "$(show $exporter MainPID)" != "$old"
inside systemctl stop $exporter
check 'stopped: cleanly' is success show $exporter Result

part 'the exporter, for others'
printf '\nlisten = "10.77.0.1:9412"\n' >"$etc/exporter.toml"
check 'without protection: refused for good' refuses_with_78 $exporter
check 'without protection: why, and what to do' \
    says 'exporter.toml:2: listen: 10.77.0.1:9412 is not of this machine alone.*plain_http = true' journal --unit=$exporter
check 'check says so too' says '^problem  exporter .*exporter.toml:2: listen' eval 'inside vault-unseal-observer check || true'
check "the daemon's check says so as well, and it is no problem of the servers" \
    says '^warning  exporter .*exporter.toml:2: listen' inside vault-unseal check
check "the daemon's check: an ordinary user is told nothing of it" \
    not quietly says 'exporter.toml' eval 'inside_as_somebody vault-unseal check || true'
# Of another version, or broken.
printf '#!/bin/sh\nexit 2\n' >"$root/root/broken"
chmod 755 "$root/root/broken"
inside mount --bind /root/broken /usr/bin/vault-unseal-observer
check "the daemon's check: one that does not answer is told as such" \
    says '^warning  observer .*/usr/bin/vault-unseal-observer does not judge its configuration' inside vault-unseal check
inside umount /usr/bin/vault-unseal-observer
check 'the daemon does not mind' active vault-unseal
printf 'listen = "10.77.0.1:9412"\nplain_http = true\n' >"$etc/exporter.toml"
check 'by the word: it starts' inside systemctl restart $exporter
check 'by the word: it serves' says '^vault_unseal_daemon_up 1$' scrape http://10.77.0.1:9412/metrics
printf '%s\n' 'listen = "10.77.0.1:9412"' '[tls]' 'certificate_file = "/etc/vault/tls/vault.crt"' \
    "key_file = \"/run/credentials/$exporter/exporter.key\"" >"$etc/exporter.toml"
install -m 600 "$root/etc/vault/tls/vault.key" "$etc/exporter.key"
mkdir -p "$root/etc/systemd/system/$exporter.d"
printf '[Service]\nLoadCredential=exporter.key:/etc/vault-unseal/exporter.key\n' >"$root/etc/systemd/system/$exporter.d/tls.conf"
inside systemctl daemon-reload
check 'with TLS: it starts' inside systemctl restart $exporter
check 'with TLS: it serves' says '^vault_unseal_daemon_up 1$' \
    scrape --cacert /etc/vault/tls/vault-ca.crt https://vault.home:9412/metrics
check 'with TLS: nothing without it' not quietly scrape http://10.77.0.1:9412/metrics
check 'with TLS: check finds nothing wrong' says 'ok .*exporter.toml: https://10.77.0.1:9412/metrics' \
    eval 'inside vault-unseal-observer check || true'
# What root can read and the service cannot, or cannot use.
judged() { eval 'inside vault-unseal-observer check || true'; }
chmod 600 "$etc/exporter.toml"
check 'check: a configuration that root alone may read' \
    says '^problem  exporter .*exporter.service, a user of its own, cannot read .*exporter.toml: its mode is 0600' judged
check "the daemon's check: the same, with what to do" says 'chmod 0644 /etc/vault-unseal/exporter.toml' inside vault-unseal check
chmod 644 "$etc/exporter.toml"
printf '[Service]\nLoadCredential=exporter.key:/etc/vault-unseal/other.key\n' >"$root/etc/systemd/system/$exporter.d/tls.conf"
check 'check: the key is not there' says '^problem  exporter .*"exporter.key" is not there: /etc/vault-unseal/other.key' judged
inside openssl genpkey -algorithm ed25519 -out /etc/vault-unseal/other.key
chmod 600 "$etc/other.key"
check "check: another certificate's key" says '^problem  exporter .*cannot be used together' judged
sed -i 's|^key_file = .*|key_file = "/etc/vault/tls/vault.key"|' "$etc/exporter.toml"
check "check: the server's own key is not to be given away" says 'Let systemd hand it over: .*LoadCredential=exporter.key:' judged
check "check: the server's own key: its owner stays" not quietly says 'chown' judged
printf 'listen = "192.0.2.10:9412"\nplain_http = true\n' >"$etc/exporter.toml"
check 'check: an address of another machine' says '^warning  exporter .*192.0.2.10 is not an address of this machine' judged
printf 'listen = "127.0.0.1:80"\n' >"$etc/exporter.toml"
check 'check: a port of the system' says '^problem  exporter .*may not listen at 127.0.0.1:80' judged
rm -r "$etc/exporter.key" "$etc/other.key" "$root/etc/systemd/system/$exporter.d" "$etc/exporter.toml"
ln -s nowhere.toml "$etc/exporter.toml"
check 'check: a link that leads nowhere' says '^problem  exporter .*exporter.toml: there is no such file' judged
rm "$etc/exporter.toml"
inside systemctl daemon-reload

part "node_exporter's file"
[ ! -e "$root$directory" ] || rm -r "$root$directory"
check 'without node_exporter: it fails' not quietly inside systemctl start $textfile.service
check 'without node_exporter: and says why' says 'prometheus-node-exporter' journal --unit=$textfile.service
inside install -d --mode=755 "$directory"
echo 'of others' >"$root$directory/other.prom"
check 'the timer is enabled' inside systemctl --quiet enable --now $textfile.timer
check 'the daemon answers' within 40 written 'vault_unseal_daemon_up 1'
check 'metrics of the servers' written 'vault_unseal_node_state\{.*,state="unsealed"\} 1'
check "node_exporter's own are not there" not grep --quiet process_ "$metrics"
check 'node_exporter may read it' is 'root 644' stat --format='%U %a' "$metrics"
touch "$work/before"
check 'it is written again' within 40 newer
check 'nothing else is left' is $'other.prom\nvault-unseal.prom' ls --almost-all "$root$directory"
# A container may not set up a network of its own, which systemd says at each start.
of_the_timer() {
    inside journalctl --quiet --no-pager --output=cat --unit="$textfile.service" \
        --since="@$(($(stat -c %Y "$work/before") + 1))" | grep --invert-match -e 'loopback network device' -e PrivateNetwork=
}
check 'not a line in the journal of what went well' is '' of_the_timer
inside systemctl stop vault-unseal
check 'the daemon does not answer' within 40 written 'vault_unseal_daemon_up 0'
check 'and nothing else is told' is 'vault_unseal_daemon_up 0' grep --invert-match '^#' "$metrics"
check 'the daemon is not started by that' is inactive state_of vault-unseal
inside systemctl start vault-unseal
# The same sandbox with another program, which prints what there is, and tries to write.
sed -e '/^\[Unit\]/,/^\[Service\]/{/^\[/!d}' -e 's|^ExecStart=.*|ExecStart=-/usr/bin/find / ( -path /proc -o -path /sys -o -path /dev -o -path /usr ) -prune -o -print\nStandardOutput=append:/var/log/of-textfile\nBindReadOnlyPaths=/usr/bin/find\nExecPaths=/usr/bin/find|' \
    "$root/usr/lib/systemd/system/$textfile.service" >"$root/etc/systemd/system/of-textfile.service"
inside systemctl daemon-reload
check 'its sandbox: the probe runs' inside systemctl start of-textfile
check 'its sandbox: the probe sees' says "^$directory/other.prom" cat "$root/var/log/of-textfile"
check 'its sandbox: no share, no configuration, no credential' \
    is '' grep --extended-regexp '^/(etc/[^l]|root/|home/|run/cred|run/vault-unseal/|var/lib/[^p])' "$root/var/log/of-textfile"
rm "$root/etc/systemd/system/of-textfile.service"

part 'the notifier as a service'
inside systemctl start $notifier
check 'not configured: it is not started' is no show $notifier ConditionResult
printf '\n[[notify]]\nnmae = "a"\n' >"$etc/notify.toml"
check 'a wrong configuration: refused for good' refuses_with_78 $notifier
check 'a wrong configuration: where' says 'notify.toml:[23]: notify' journal --unit=$notifier
inside systemctl restart vault-unseal
check 'a wrong configuration: the daemon starts and unseals with it' status_is unsealed
printf '%s\n' '[[notify]]' 'name = "a"' '[notify.command]' 'run = ["/usr/bin/cat"]' >"$etc/notify.toml"
check 'it starts' inside systemctl restart $notifier
check 'it is not root' test "$(inside stat --format=%u "/proc/$(show $notifier MainPID)")" -ge 61184
check 'it keeps its memory' inside test -d /var/lib/private/vault-unseal-notify
check 'it reloads' inside systemctl reload $notifier
check 'it runs' active $notifier
printf '%s\n' '[[notify]]' 'name = "file"' 'after = "0s"' 'batch = "0s"' '[notify.command]' \
    'run = ["/usr/bin/dd", "status=none", "of=/var/lib/vault-unseal-notify/message"]' \
    '[[notify]]' 'name = "chat"' 'after = "0s"' 'batch = "0s"' '[notify.webhook]' 'url = { credential = "chat" }' >"$etc/notify.toml"
check 'a credential that it was not given: refused for good' refuses_with_78 $notifier
check 'a credential that it was not given: what to do' \
    says 'chat: the credential "chat" is not there.*LoadCredential=chat:' journal --unit=$notifier
check 'check knows that it is not given' \
    says 'notify.service is not given the credential "chat"' eval 'inside vault-unseal-observer check || true'
check "the daemon's check, too, in JSON" \
    says '"severity":"warning","subject":"notify","kind":"credential-not-given"' inside vault-unseal check --json
echo http://127.0.0.1:9/secret-token >"$etc/chat"
chmod 644 "$etc/chat"
mkdir -p "$root/etc/systemd/system/$notifier.d"
printf '[Service]\nLoadCredential=chat:/etc/vault-unseal/chat\n' >"$root/etc/systemd/system/$notifier.d/chat.conf"
inside systemctl daemon-reload
check 'check: everybody can read the credential' says '^problem  notify .*chat: /etc/vault-unseal/chat: its mode is 0644' judged
check 'check: everybody can read the credential: what to do' says 'chmod 0?600 /etc/vault-unseal/chat' judged
chmod 600 "$etc/chat"
check 'check knows that it is given' inside vault-unseal-observer check
check 'check: an ordinary user is not told of what only root may read' says '^ok  *notify ' \
    eval 'inside_as_somebody vault-unseal-observer check || true'
rm "$etc/chat"
mkfifo "$etc/chat"
check 'check: no file, and nothing that hangs' says '^problem  notify .*chat: /etc/vault-unseal/chat: .*not a regular file' judged
rm "$etc/chat"
(umask 077 && echo 'not a url' >"$etc/chat")
check 'check: what is in it is no URL' says '^problem  notify .*chat: the URL of the target is none' judged
echo http://127.0.0.1:9/secret-token >"$etc/chat"
sed -i 's|"/usr/bin/dd"|"/opt/dd"|' "$etc/notify.toml"
install -D -m 755 "$root/usr/bin/dd" "$root/opt/dd"
check 'check: a program that its sandbox does not run' says '^problem  notify .*may not run /opt/dd' judged
sed -i 's|"/opt/dd"|"/usr/bin/dd"|' "$etc/notify.toml"
rm -r "$root/opt/dd"
check 'with its credential it starts' inside systemctl restart $notifier
message=$root/var/lib/private/vault-unseal-notify/message
check 'a held server' inside vault-unseal hold --all
check 'a held server is told' within 20 grep --quiet '"event":"held"' "$message"
notifier_is_shown() {
    inside vault-unseal-observer exporter --textfile /run/of-notifier.prom &&
        inside grep --quiet --line-regexp 'vault_unseal_notify_target_failing{target="chat"} 1' /run/of-notifier.prom
}
check 'its metrics are shown beside the daemon'"'"'s' within 30 quietly notifier_is_shown
inside systemctl kill --signal=KILL $notifier
check 'no longer held, while the notifier is dead' inside vault-unseal resume --all
check 'its end is told by the next one' within 30 grep --quiet '"kind":"over"' "$message"
check 'a target that cannot be told is told of' says 'cannot tell chat: Connection refused' journal --unit=$notifier
check 'its URL is told nowhere' not quietly says secret-token journal
check 'what it remembers is its own' \
    test "$(inside stat --format=%a /var/lib/private/vault-unseal-notify)" = 700
rm -r "$etc/chat" "$root/etc/systemd/system/$notifier.d"
inside systemctl daemon-reload
check 'it takes at most 12 MiB' test "$(memory $notifier)" -le 12288
inside systemctl stop $notifier
check 'stopped: cleanly' is success show $notifier Result

part 'the observer upgraded and removed'
inside systemctl start $exporter
old=$(show $exporter MainPID)
check 'a later version' later_observer
check 'upgrade' inside dpkg --install /root/later-observer.deb
check 'upgrade: the new version runs' within 20 quietly exports 'vault_unseal_daemon_up 1'
check 'upgrade: another process' test "$(show $exporter MainPID)" != "$old"
check 'upgrade: its unit is in force' says '[(]later[)]' show $exporter Description
check 'upgrade: what did not run still does not' is inactive state_of $notifier
check 'upgrade: the timer is still enabled, and runs' is active state_of $textfile.timer
check 'removed' inside dpkg --remove vault-unseal-observer
check 'removed: no process is left' not quietly inside pgrep --full vault-unseal-observer
check 'removed: what it wrote for node_exporter is gone' is other.prom ls --almost-all "$root$directory"
check 'removed: the configuration stays' test -s "$etc/notify.toml"
check 'removed: the daemon goes on' active vault-unseal
check 'purged' inside dpkg --purge vault-unseal-observer
check 'purged: the configuration stays' test -s "$etc/notify.toml"
check 'purged: nothing wants its units' is '' find "$root/etc/systemd" -name '*vault-unseal-[ent]*'
check 'purged: its memory is gone' not inside test -e /var/lib/private/vault-unseal-notify
rm "$etc/notify.toml"
