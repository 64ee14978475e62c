# What the boots of run-vm-sealed have in common. Sourced in the machine.

. ./check.bash
ip link set lo up
export BAO_ADDR=https://127.0.0.1:8200 BAO_CACERT=/etc/vault/tls/vault-ca.crt
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
drop_ins=/etc/systemd/system/vault-unseal.service.d

show() { systemctl show --property="$2" --value "$1"; }
source_is() { # SHARES, as in the configuration
    sed -i "s|^shares = .*|shares = $1|" /etc/vault-unseal/config.toml
}
# But PrivateUsers=identity, which systemd 252 does not know: 1.2 in place of 1.0.
odd_lines() {
    journalctl --boot --quiet --output=cat --grep 'vault-unseal.*(Unknown|ignoring|Failed to parse)' |
        sed '/ignoring: identity$/d'
}
# One of the shipped examples, as it is, and no other.
drop_in() { # NAME.conf
    rm -rf "$drop_ins"
    install -D -m 644 "/root/examples/$1" "$drop_ins/$1"
    systemctl daemon-reload
    check "$1: systemd understands every line but one" is '' odd_lines
    # Threshold and printed exposure differ by a factor of ten.
    check "$1: exposure of the service at most 1.2" systemd-analyze security --threshold=12 vault-unseal.service
}
unsealed() {
    vault-unseal wait --timeout 180s && says 'Sealed +false' bao status &&
        within 20 quietly is '1 node: 1 unsealed' show vault-unseal.service StatusText
}
told() { journalctl --boot --quiet --output=cat --unit=vault-unseal; }
refused() { # WORDS
    within 120 quietly says '1 node: 1 shares-unavailable' show vault-unseal.service StatusText
    says "$1" told && is active systemctl is-active vault-unseal && says 'Sealed +true' eval 'bao status || true'
}

# The devices that the daemon finds: those of anybody with PrivateDevices=yes, and the ones named.
devices_are() { # NAME…
    is "$({ systemd-run --quiet --wait --pipe --property=PrivateDevices=yes ls /dev && printf '%s\n' "$@"; } | grep . | sort)" \
        eval 'ls "/proc/$(show vault-unseal.service MainPID)/root/dev" | sort'
}
# Opens a device as root, where nothing but DevicePolicy= is in the way: among the service's processes.
group_opens() { # DEVICE
    local group
    group=/sys/fs/cgroup$(show vault-unseal.service ControlGroup)
    sh -c 'echo $$ >"$1/cgroup.procs" && : <"$2"' _ "$group" "$1"
}
