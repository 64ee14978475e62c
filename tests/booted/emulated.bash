# The executable of another architecture in the shipped unit: what a machine of that architecture does with it, as far
# as qemu-user can show it. Everything of the unit is in force but what foreign_units says.

foreign_units
if [ "$server" != OpenBao ]; then
    # Vault ends where it may not lock its memory.
    printf '[Service]\nAmbientCapabilities=CAP_IPC_LOCK\nLimitMEMLOCK=infinity\n' \
        >"$root/etc/systemd/system/vault.service.d/lock.conf"
fi

part "$architecture under systemd, with $server"
machine_up
check 'the machine boots' is running machine_booted
check 'the executable is of the other architecture' says "$architecture" inside dpkg-query --show --showformat '${Architecture}' "vault-unseal:$architecture"
configure
give_shares "$(wrong_share 9)"
check 'it starts once it is configured' inside systemctl start vault-unseal
check 'a new server: uninitialized' status_is uninitialized
init_answer=$(bao operator init -key-shares=3 -key-threshold=2 -format=json)
token=$(sed -n 's/.*"root_token": "\(.*\)".*/\1/p' <<<"$init_answer")
give_shares "$init_answer"
inside systemctl restart vault
check 'unsealed' status_is unsealed 60
inside systemctl --quiet enable reader.service 2>/dev/null
machine_down
machine_up
check 'after a reboot: unsealed' server_unsealed 60
check 'after a reboot: the status line' status_is unsealed 60
check 'after a reboot: what waits for the target starts' active reader 60
check 'after a reboot: the machine is running' is running machine_booted
inside systemctl restart vault
check 'systemctl restart vault: unsealed' server_unsealed 60
old=$(main_pid)
check 'it is qemu that runs it' says qemu inside readlink "/proc/$old/exe"
check 'its system calls are filtered' is 2 inside sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$old/status"
check 'it has no capability' is 0000000000000000 inside sed -n 's/^CapBnd:[[:space:]]*//p' "/proc/$old/status"
inside systemctl reload vault-unseal
check 'reload: the journal says so' within 10 quietly says 'configuration reloaded' journal --unit=vault-unseal --lines=5
inside kill -KILL "$old"
check 'killed: it comes back' within 30 is_new_pid "$old"
check 'killed: the status line' status_is unsealed 60
echo 'nodes = oops' >>"$etc/config.toml"
inside systemctl restart vault-unseal 2>"$work/refused" || true
check 'a broken configuration: ends with 78' is 78 show vault-unseal.service ExecMainStatus
check 'no share is in the journal' not quietly says "$(share 0)|$(share 1)|$(share 2)" journal
