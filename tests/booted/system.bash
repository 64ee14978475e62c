# What is on the machine, and what the cases ask of it. Sourced by `run`.

etc=$root/etc/vault-unseal
shares=$etc/shares.json
authority=$root/etc/vault/tls/vault-ca.crt

# The server behind TLS of a private authority, a service that needs it unsealed, and vault-unseal.
system_install() {
    mkdir -p "$root/etc/openbao" "$root/etc/vault/tls"
    printf '10.77.0.1 vault.home\n' >>"$root/etc/hosts"
    printf '%s\n' openbao:x:990:990::/var/lib/openbao:/usr/sbin/nologin somebody:x:4242:4242::/:/bin/sh >>"$root/etc/passwd"
    printf '%s\n' openbao:x:990: somebody:x:4242: unsealers:x:991: >>"$root/etc/group"
    certificates
    cat >"$root/etc/openbao/config.hcl" <<'END'
api_addr = "https://vault.home:8200"
cluster_addr = "https://10.77.0.1:8201"
storage "raft" {
  path = "/var/lib/openbao"
  node_id = "one"
  performance_multiplier = 1
}
listener "tcp" {
  address = "10.77.0.1:8200"
  tls_cert_file = "/etc/vault/tls/vault.crt"
  tls_key_file = "/etc/vault/tls/vault.key"
}
END
    # As the server's own packages have it.
    cat >"$root/etc/systemd/system/vault.service" <<'END'
[Unit]
Description=OpenBao
After=network.target
StartLimitIntervalSec=0
[Service]
Type=notify
User=openbao
Group=openbao
StateDirectory=openbao
ProtectSystem=full
PrivateTmp=yes
NoNewPrivileges=yes
ExecStart=/usr/local/bin/bao server -config=/etc/openbao/config.hcl
KillMode=process
KillSignal=SIGINT
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
LimitNOFILE=65536
[Install]
WantedBy=multi-user.target
END
    # Succeeds against an unsealed server only: health answers 503 while it is sealed. A server that was just unsealed
    # is a standby for a moment, until it has elected itself.
    cat >"$root/etc/systemd/system/reader.service" <<'END'
[Unit]
Description=Needs an unsealed server
Wants=vault-unsealed.target
After=vault-unsealed.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/curl --silent --show-error --fail --cacert /etc/vault/tls/vault-ca.crt https://vault.home:8200/v1/sys/health?standbyok=true
[Install]
WantedBy=multi-user.target
END
    # By apt, or from a tarball, it comes later.
    if [ -n "$published$tarball" ]; then
        :
    elif [ -n "$package" ]; then
        cp "$package" "$root/root/vault-unseal.deb"
        chroot "$root" dpkg --install /root/vault-unseal.deb >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; return 1; }
    else
        install -D -m 755 "$binary" "$root/usr/bin/vault-unseal"
        install -D -m 644 -t "$root/usr/lib/systemd/system" \
            "$repository"/systemd/vault-unseal.service "$repository"/systemd/vault-unsealed*
        install -D -m 644 "$repository/systemd/vault-unseal.sysusers" "$root/usr/lib/sysusers.d/vault-unseal.conf"
        install -D -m 644 "$repository/systemd/vault-unseal.tmpfiles" "$root/usr/lib/tmpfiles.d/vault-unseal.conf"
        chroot "$root" systemd-sysusers vault-unseal.conf
        install -D -m 644 -t "$root/usr/lib/systemd/catalog" "$repository/systemd/vault-unseal.catalog"
        chroot "$root" journalctl --update-catalog
        mkdir -p "$etc"
    fi
    [ -z "$sealed" ] || helper_install
    systemctl --quiet --root="$root" enable vault.service 2>/dev/null
    [ -n "$published$tarball" ] || systemctl --quiet --root="$root" enable vault-unseal.service 2>/dev/null
    # Nothing of the network is here to be waited for.
    systemctl --quiet --root="$root" mask systemd-networkd-wait-online.service 2>/dev/null
    mkdir -p "$root/var/log/journal"
}

# What speaks with a TPM.
helper_install() {
    if [ -n "$helper_package" ]; then
        cp "$helper_package" "$root/root/vault-unseal-tpm.deb"
        chroot "$root" dpkg --install /root/vault-unseal-tpm.deb >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; return 1; }
    else
        install -D -m 755 "$helper" "$root/usr/libexec/vault-unseal/vault-unseal-tpm"
    fi
}

certificates() {
    local tls=$root/etc/vault/tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj '/CN=Private CA' \
        -keyout "$work/ca.key" -out "$tls/vault-ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=vault' \
        -keyout "$tls/vault.key" -out "$work/vault.csr" 2>/dev/null
    openssl x509 -req -in "$work/vault.csr" -CA "$tls/vault-ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 30 \
        -extfile <(echo subjectAltName=DNS:vault.home,DNS:booted,IP:10.77.0.1,IP:10.77.0.2,IP:10.77.0.3) -out "$tls/vault.crt" 2>/dev/null
    chown 990:990 "$tls/vault.key"
    chmod 600 "$tls/vault.key"
}

# The three lines of configuration, and one for the private authority.
configure() { # [address]
    mkdir -p "$etc"
    cat >"$etc/config.toml" <<END
[[cluster]]
nodes  = ["${1:-https://vault.home:8200}"]
shares = { credential = "shares" }
tls    = { ca_file = "/etc/vault/tls/vault-ca.crt" }
END
}

# A share file as the administrator leaves it: root's alone.
give_shares() { # the text
    (umask 077 && printf '%s\n' "$1" >"$shares")
}

# A share that no server knows. Its last byte is its place on the polynomial, from 1.
wrong_share() { printf '%s%02x\n' "$(openssl rand -hex 32)" "$1"; } # PLACE

# One share of the init answer, by its place from 0.
share() { sed -n '/"unseal_keys_hex"/,/]/p' <<<"$init_answer" | grep -oE '[0-9a-f]{66}' | sed -n "$(($1 + 1))p"; }

show() { inside systemctl show --property="$2" --value "$1"; } # UNIT PROPERTY
main_pid() { show vault-unseal.service MainPID; }
is_new_pid() { # OLD
    local now
    now=$(main_pid)
    [ "$now" != 0 ] && [ "$now" != "$1" ]
}
status_text() { show vault-unseal.service StatusText; }
status_is() { within "${2:-20}" quietly is "1 node: 1 $1" status_text || is "1 node: 1 $1" status_text; } # STATE [SECONDS]
active() { within "${2:-20}" quietly is active inside systemctl is-active "$1" || inside systemctl is-active "$1"; } # UNIT [SECONDS]
journal() { inside journalctl --boot --quiet --no-pager --output=cat "$@"; }

message_id() { # SUBJECT of the catalog, as a pattern
    awk -v subject="$1" '/^-- /{id=$2} $0 ~ "^Subject: .*" subject {print id; exit}' "$repository/systemd/vault-unseal.catalog"
}

# The server's own word, asked from outside of everything that is tested.
server_health() {
    ip netns exec "$machine" curl --silent --output /dev/null --write-out '%{http_code}' \
        --cacert "$authority" --resolve vault.home:8200:10.77.0.1 \
        https://vault.home:8200/v1/sys/health
}
server_unsealed() { within "${1:-30}" quietly is 200 server_health || is 200 server_health; } # [SECONDS]

# Each server's command knows its own variables.
bao() {
    inside env {BAO,VAULT}_ADDR=https://vault.home:8200 {BAO,VAULT}_CACERT=/etc/vault/tls/vault-ca.crt \
        ${token:+BAO_TOKEN="$token" VAULT_TOKEN="$token"} bao "$@"
}

# As somebody with an account and no rights.
somebody() { inside_as_somebody "$@"; }
# refused COMMAND…: fails for want of rights, and not because it is mistyped.
refused() {
    local got
    if got=$(somebody "$@" 2>&1 </dev/null); then printf 'done:\n%s\n' "$got"; return 1; fi
    grep -Eiq 'permission denied|access denied|not permitted|authentication (is )?required|not authorized' <<<"$got" ||
        { printf 'another failure:\n%s\n' "$got"; return 1; }
}
