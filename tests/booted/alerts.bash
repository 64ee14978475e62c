# The timer of docs/usage/alerts.md, as it stands there: metrics in a file of node_exporter's, from the daemon and
# without it.

directory=/var/lib/prometheus/node-exporter
metrics=$root$directory/vault-unseal.prom

# as_on_the_page PATH MODE: makes the file of the first block of code behind where the page names it.
as_on_the_page() {
    awk -v path="\`$1\`" '
        index($0, path) { named = 1 }
        /^```/ && inside { exit }
        inside { print }
        /^```/ && named { inside = 1 }' "$repository/docs/usage/alerts.md" >"$work/of-the-page"
    [ -s "$work/of-the-page" ] && install -D --mode="$2" "$work/of-the-page" "$root$1"
}
has() { grep --quiet --extended-regexp --line-regexp "$1" "$metrics"; }
newer() { [ "$metrics" -nt "$work/before" ]; }

part 'metrics in a file of node_exporter'
inside install -d --mode=755 "$directory"
check 'the script of the page' as_on_the_page /usr/local/sbin/vault-unseal-textfile 755
for unit in service timer; do
    check "the $unit of the page" as_on_the_page "/etc/systemd/system/vault-unseal-textfile.$unit" 644
done
# Of the daemon's unit it has something to say.
check 'systemd finds nothing wrong with them' not quietly says textfile inside systemd-analyze verify \
    /etc/systemd/system/vault-unseal-textfile.service /etc/systemd/system/vault-unseal-textfile.timer
inside systemctl daemon-reload
check 'the timer is enabled' inside systemctl --quiet enable --now vault-unseal-textfile.timer
check 'the daemon answers' within 30 has 'vault_unseal_daemon_up 1'
check 'its metrics are there' has 'vault_unseal_build_info\{version="[^"]*"\} 1'
check 'those of the servers too' has 'vault_unseal_node_state\{.*,state="unsealed"\} 1'
check "node_exporter's own are not" not grep --quiet process_ "$metrics"
check 'node_exporter may read it' is 'root 644' stat --format='%U %a' "$metrics"
touch "$work/before"
check 'it is written again' within 40 newer
check 'nothing else is left' is vault-unseal.prom ls --almost-all "$root$directory"

inside systemctl stop vault-unseal
check 'the daemon does not answer' within 40 has 'vault_unseal_daemon_up 0'
check 'nothing is told of before' is 'vault_unseal_daemon_up 0' cat "$metrics"
check 'it is not started by that' is inactive eval 'inside systemctl is-active vault-unseal || true'
inside systemctl start vault-unseal
check 'it answers again' within 40 has 'vault_unseal_daemon_up 1'

inside systemctl disable --quiet --now vault-unseal-textfile.timer
# The package of the observer has units of these names.
rm "$root"/etc/systemd/system/vault-unseal-textfile.{service,timer} "$metrics"
inside systemctl daemon-reload
