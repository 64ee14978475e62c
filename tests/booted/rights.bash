# Somebody with an account and no rights tries what he can: the shares, the service, the process.

# systemd's own interface, without what systemctl adds.
call() { echo busctl --allow-interactive-authorization=no call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "$@"; }

part 'somebody without rights'
old=$(main_pid)
credential=/run/credentials/vault-unseal.service
check 'the share file: not read' refused cat /etc/vault-unseal/shares.json
check 'the share file: not replaced' refused mv /etc/vault-unseal/shares.json /tmp
check 'the configuration: not written' refused tee -a /etc/vault-unseal/config.toml
check 'the credential: not read' refused cat "$credential/shares"
check 'the credential: not found' refused ls "$credential"
check 'the credential is there: the test can fail' inside ls "$credential/shares"
check 'the program, run by him: gets no shares' says 'was given no credentials' somebody vault-unseal run
check 'the control socket: not found' refused ls /run/vault-unseal/
for verb in stop restart reload kill disable mask revert; do
    check "systemctl $verb: refused" refused systemctl --no-ask-password "$verb" vault-unseal
done
check 'a drop-in, as systemctl edit writes it: refused' refused mkdir /etc/systemd/system/vault-unseal.service.d
check 'systemctl set-property: refused' refused systemctl --no-ask-password set-property --runtime vault-unseal MemoryMax=1
check 'systemctl set-environment: refused' refused systemctl --no-ask-password set-environment VAULT_ADDR=http://127.0.0.1
check 'systemctl stop of the target: refused' refused systemctl --no-ask-password stop vault-unsealed.target
# shellcheck disable=SC2046
{
    check 'bus, StopUnit: refused' refused $(call StopUnit ss vault-unseal.service replace)
    check 'bus, KillUnit: refused' refused $(call KillUnit ssi vault-unseal.service all 9)
    check 'bus, SetUnitProperties: refused' refused $(call SetUnitProperties 'sba(sv)' vault-unseal.service true 1 MemoryMax t 1)
    check 'bus, Reload: refused' refused $(call Reload)
    check 'bus, GetUnit: allowed, the test can fail' somebody $(call GetUnit s vault-unseal.service)
}
check 'kill: refused' refused kill -TERM "$old"
check 'strace: refused' refused timeout 5 strace -p "$old"
for file in mem environ maps auxv syscall stack io fd/0 cwd/ root/; do
    check "/proc/PID/$file: refused" refused head -c 1 "/proc/$old/$file"
done
check '/proc/PID/cmdline: nothing of the shares' is '/usr/bin/vault-unseal run ' \
    somebody sh -c 'tr "\0" " " <"$0"' "/proc/$old/cmdline"
check 'cannot tell systemd lies in its name' eval 'somebody systemd-notify --pid="$old" --status=lies; status_is unsealed'
check 'cannot read its messages' not quietly says unsealed somebody journalctl --unit=vault-unseal --quiet
printf 'MESSAGE=lies\nVAULT_STATE=removed\nUNIT=vault-unseal.service\n' | somebody logger --journald
check 'messages of his own are not taken for its' not quietly says . journal --unit=vault-unseal VAULT_STATE=removed
check 'messages of his own are found elsewhere: the test can fail' says '^lies' journal VAULT_STATE=removed
check 'and it still runs' is "$old" main_pid
check 'and is what it was' status_is unsealed
check 'no share is in the journal' not quietly says "$(share 0)|$(share 1)|$(share 2)" journal
