# Each command of the pages about kinds of errors and of the journal's catalog is run once, with what stands there in capitals
# filled in: the program and its options exist. Nothing follows: they change the machine.

# One a line, as they stand on the pages: blocks of sh there, indented lines and what ends a line here.
commands_on_pages() {
    {
        awk '/^```/ { inside = $0 == "```sh"; next } inside' "$repository"/docs/errors/*.md
        sed -n -e '/^Subject: /d' -e '/^    [a-z]/ { s/^ *//; s/ *(OpenBao)$//; p }' \
            -e 's/.*: \(\(vault-unseal\|systemctl\|journalctl\|cat\) [^,]*\)\(,.*\)\?$/\1/p' \
            "$repository/systemd/vault-unseal.catalog"
    } | sort -u
}

cat >"$root/root/commands-of-pages" <<'END'
#!/bin/bash
# Prints what cannot be run of the commands that come in; programs that this machine does not have go to descriptor 3.
sudo() { "$@"; }
export -f sudo
export SYSTEMD_EDITOR=true DEBIAN_FRONTEND=noninteractive
refusal='unrecogni[sz]ed|(invalid|unknown) (option|command|operation|verb|flag)|unexpected argument|required arguments'
refusal+='|flag provided but not'
number=0
while IFS= read -r command; do
    rm -rf /root/pages && mkdir -p /root/pages/DIRECTORY && cd /root/pages || exit 1
    cp /etc/vault/tls/vault-ca.crt FILE && cp FILE KEYFILE
    missing=''
    for part in $(sed 's/| */\n/g; s/sudo //g' <<<"$command" | cut -d ' ' -f 1); do
        command -v "$part" >/dev/null || missing=$part
    done
    [ -z "$missing" ] || { printf '%s\n' "$missing" >&3 && continue; }
    filled=$(sed 's|@VAULT_NODE@|https://vault.home:8200|g; s/HOST:PORT/vault.home:8200/g; s/HOST/vault.home/g
        s/ADDRESS/10.77.0.1/g; s/NAME/booted/g' <<<"$command")
    # What is mistyped is said at once.
    said=$(timeout 5 bash -c "$filled" 2>&1 </dev/null)
    status=$?
    number=$((number + 1))
    if [ "$status" = 126 ] || [ "$status" = 127 ] || grep -Eiq "$refusal" <<<"$said"; then
        printf '%s: %s: %s\n' "$status" "$filled" "${said:0:300}"
    fi
done
[ "$number" -gt 80 ] || printf 'only %d were run\n' "$number"
END
run_commands() {
    commands_on_pages | inside env {BAO,VAULT}_ADDR=https://vault.home:8200 {BAO,VAULT}_CACERT=/etc/vault/tls/vault-ca.crt \
        bash -c 'bash /root/commands-of-pages 3>/root/programs-missing'
}

if [ -n "$observer_package" ]; then
    cp "$observer_package" "$root/root/observer.deb"
    quietly inside dpkg --install /root/observer.deb
fi
part 'the commands on the pages of errors and messages'
check 'each can be run' is '' run_commands
printf '# not in this machine, and not run: %s\n' "$(sort -u "$root/root/programs-missing" | tr '\n' ' ')"
