#!/bin/bash
# In the machine, at its first boot: the package, the server, its shares.
set -euo pipefail
. ./check.bash

ip link set lo up
chmod 755 bao
mv bao /usr/local/bin/bao
useradd --system --home-dir /var/lib/openbao --shell /usr/sbin/nologin openbao
mkdir -p /etc/openbao /etc/vault/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=vault' \
    -addext subjectAltName=IP:127.0.0.1 -keyout /etc/vault/tls/vault.key -out /etc/vault/tls/vault-ca.crt 2>/dev/null
chown openbao /etc/vault/tls/vault.key
cat >/etc/openbao/config.hcl <<'END'
api_addr = "https://127.0.0.1:8200"
cluster_addr = "https://127.0.0.1:8201"
storage "raft" {
  path = "/var/lib/openbao"
  node_id = "one"
  performance_multiplier = 1
}
listener "tcp" {
  address = "127.0.0.1:8200"
  tls_cert_file = "/etc/vault/tls/vault-ca.crt"
  tls_key_file = "/etc/vault/tls/vault.key"
}
END
cat >/etc/systemd/system/vault.service <<'END'
[Unit]
Description=OpenBao
After=network.target
[Service]
Type=notify
User=openbao
StateDirectory=openbao
ExecStart=/usr/local/bin/bao server -config=/etc/openbao/config.hcl
KillSignal=SIGINT
Restart=on-failure
TimeoutStartSec=300
[Install]
WantedBy=multi-user.target
END

check 'the package installs' dpkg --install ./vault-unseal.deb
mkdir -p /var/log/journal
cat >/etc/vault-unseal/config.toml <<'END'
[[cluster]]
nodes  = ["https://127.0.0.1:8200"]
shares = { credential = "shares" }
tls    = { ca_file = "/etc/vault/tls/vault-ca.crt" }
END
systemctl --quiet enable --now vault 2>/dev/null
export BAO_ADDR=https://127.0.0.1:8200 BAO_CACERT=/etc/vault/tls/vault-ca.crt
(umask 077 && bao operator init -key-shares=3 -key-threshold=2 -format=json >/etc/vault-unseal/shares.json)
check 'enabled and started' systemctl --quiet enable --now vault-unseal
check 'unsealed' vault-unseal wait --timeout 120s
check 'the server says so too' within 60 quietly says 'Sealed +false' bao status
sync
[ "$failed" = 0 ]
