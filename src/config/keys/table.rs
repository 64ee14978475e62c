//! The table itself.

use super::{Key, Kind, Scope};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every key, in the order of the manual.
pub static KEYS: &[Key] = &[
    Key {
        name: "log_level",
        scope: Scope::Top,
        kind: Kind::Word(&["error", "warn", "info", "debug", "trace"]),
        default: Some("\"info\""),
        documentation: "How much is logged. `info` tells of every change of a node's state, `debug` of every \
                        request.",
        example: "\"debug\"",
        variable: Some("VAULT_UNSEAL_LOG_LEVEL"),
    },
    Key {
        name: "server_users",
        scope: Scope::Top,
        kind: Kind::Accounts,
        default: Some("[\"vault\", \"openbao\"]"),
        documentation: "The accounts of this machine that servers run as, by name or number. They are trusted as root and \
                        the account that runs vault-unseal are: share files and certificates of authorities may belong \
                        to them, and without TLS a server of this machine gets shares only if it runs as one of them. \
                        Names that no account has do no harm. They may not own the configuration itself.",
        example: "[\"vault\", 998]",
        variable: Some("VAULT_UNSEAL_SERVER_USERS"),
    },
    Key {
        name: "poll_interval",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), HOUR),
        default: Some("\"1s\""),
        documentation: "Time between two looks at a healthy node, from 100ms to 1h. A restart is noticed sooner: \
                        the connection that is kept between the polls ends with the server.",
        example: "\"5s\"",
        variable: Some("VAULT_UNSEAL_POLL_INTERVAL"),
    },
    Key {
        name: "slow_interval",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_secs(1), DAY),
        default: Some("\"30s\""),
        documentation: "Time between two looks at a node that needs a person: it rejected the shares, it unseals \
                        by other means, its seal is being migrated, or it keeps sealing itself. The longest pause that a \
                        rate limit is granted, too. Ten of it lie between two tries of a new connection to an unsealed \
                        server. From 1s to 1day.",
        example: "\"5m\"",
        variable: Some("VAULT_UNSEAL_SLOW_INTERVAL"),
    },
    Key {
        name: "retry_min",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(5), MINUTE),
        default: Some("\"20ms\""),
        documentation: "The shortest pause before a node that does not answer is asked again, from 5ms to 1m. It \
                        doubles with every failure up to `retry_max`.",
        example: "\"100ms\"",
        variable: Some("VAULT_UNSEAL_RETRY_MIN"),
    },
    Key {
        name: "retry_max",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(5), HOUR),
        default: Some("\"1s\""),
        documentation: "The longest such pause during the first minute, from 5ms to 1h, and never below \
                        `retry_min`.",
        example: "\"10s\"",
        variable: Some("VAULT_UNSEAL_RETRY_MAX"),
    },
    Key {
        name: "request_timeout",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(600)),
        default: Some("\"10s\""),
        documentation: "How long a request may take, from 100ms to 10m.",
        example: "\"30s\"",
        variable: Some("VAULT_UNSEAL_REQUEST_TIMEOUT"),
    },
    Key {
        name: "unseal_timeout",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(600)),
        default: Some("\"1m 40s\""),
        documentation: "How long the request that submits the last needed share may take, from 100ms to 10m. A \
                        server that joins a raft cluster answers it late.",
        example: "\"3m\"",
        variable: Some("VAULT_UNSEAL_UNSEAL_TIMEOUT"),
    },
    Key {
        name: "presence",
        scope: Scope::Everywhere,
        kind: Kind::Boolean,
        default: Some("true"),
        documentation: "Ask a server as soon as the idle connection to it ends, because most likely the server did. \
                        `false`: only polls notice a restart, for networks and proxies that close idle connections.",
        example: "false",
        variable: Some("VAULT_UNSEAL_PRESENCE"),
    },
    Key {
        name: "resolve_interval",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), DAY),
        default: Some("\"30s\""),
        documentation: "Time between two lookups of a `dns+` or `srv+` name in `nodes` while all is well, from 100ms \
                        to 1day. It is looked up sooner when one of its nodes can no longer be reached.",
        example: "\"1m\"",
        variable: Some("VAULT_UNSEAL_RESOLVE_INTERVAL"),
    },
    Key {
        name: "forget_after",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(30 * 24 * 60 * 60)),
        default: Some("\"1h\""),
        documentation: "How long a node that was found by its name is still watched when DNS no longer has it, from \
                        1s to 30days. A node that still answers is watched on, however long that is, and a lookup \
                        that fails says nothing about any node.",
        example: "\"1day\"",
        variable: Some("VAULT_UNSEAL_FORGET_AFTER"),
    },
    Key {
        name: "cluster",
        scope: Scope::Top,
        kind: Kind::Clusters,
        default: None,
        documentation: "Servers that share one set of keys. Clusters of the same name in several files are one \
                        cluster; what a later file says of a key replaces what an earlier one said.",
        example: "",
        variable: None,
    },
    Key {
        name: "name",
        scope: Scope::Cluster,
        kind: Kind::Text,
        default: Some("\"default\""),
        documentation: "The cluster's name in logs, status and metrics: up to 64 letters, digits, `.`, `-` and \
                        `_`. Needed as soon as there are two clusters.",
        example: "\"home\"",
        variable: None,
    },
    Key {
        name: "nodes",
        scope: Scope::Cluster,
        kind: Kind::Texts,
        default: None,
        documentation: "The addresses of all servers of the cluster, each as a URL with its port. Not the \
                        address of a load balancer: every server is unsealed by itself. \
                        `unix:///run/openbao/api.sock` is a server on a Unix socket of this machine, whose directory \
                        nobody else may write to. Without TLS a server of this machine must run as somebody trusted \
                        (`server_users`). \
                        `dns+https://vault.example:8200` stands for all addresses of the name, each a server whose \
                        certificate is for the name; only the IPv4 addresses if there are any. \
                        `srv+https://_vault._tcp.example` stands for all targets of the SRV record with their ports. \
                        They must lie in the domain behind `_vault._tcp.`, or `server_name` in `tls`, checked, says \
                        which name all certificates have.",
        example: "[\"https://vault.home:8200\"]",
        variable: Some("VAULT_UNSEAL_NODES"),
    },
    Key {
        name: "shares",
        scope: Scope::Cluster,
        kind: Kind::Table(Scope::Shares),
        default: None,
        documentation: "Where the key shares are kept: exactly one of `file`, `credential` and `tpm2`.",
        example: "{ file = \"/etc/vault-unseal/shares.json\" }",
        variable: None,
    },
    Key {
        name: "file",
        scope: Scope::Shares,
        kind: Kind::Path,
        default: None,
        documentation: "A file with key shares: what `vault operator init` printed, or plain text, one share a \
                        line; WHAT SHARES LOOK LIKE has every form. Only root or the running user may be able to \
                        write it, and others must not read it. A relative path starts at the configuration file's directory.",
        example: "\"/etc/vault-unseal/shares.json\"",
        variable: Some("VAULT_UNSEAL_SHARES_FILE"),
    },
    Key {
        name: "credential",
        scope: Scope::Shares,
        kind: Kind::Text,
        default: None,
        documentation: "The name of a systemd credential with the same content, as given to LoadCredential= or \
                        LoadCredentialEncrypted= in the unit.",
        example: "\"shares\"",
        variable: Some("VAULT_UNSEAL_SHARES_CREDENTIAL"),
    },
    Key {
        name: "tpm2",
        scope: Scope::Shares,
        kind: Kind::Path,
        default: None,
        documentation: "A file with key shares that this machine's TPM 2.0 sealed, as `vault-unseal enroll` writes it; \
                        no other machine can open it. It is protected as a share file is. A service that was given a \
                        credential of the file's name (`LoadCredential=shares.tpm2:/etc/vault-unseal/shares.tpm2`) \
                        reads that in its place. Needs the package vault-unseal-tpm.",
        example: "\"/etc/vault-unseal/shares.tpm2\"",
        variable: Some("VAULT_UNSEAL_SHARES_TPM2"),
    },
    Key {
        name: "tcti",
        scope: Scope::Shares,
        kind: Kind::Text,
        default: None,
        documentation: "Beside `tpm2`: which TPM, as tpm2-tools name it. Without it, what the variables \
                        `TPM2TOOLS_TCTI` or `TCTI` say, else /dev/tpmrm0, else the one of the daemon tpm2-abrmd.",
        example: "\"device:/dev/tpmrm0\"",
        variable: None,
    },
    Key {
        name: "tls",
        scope: Scope::Cluster,
        kind: Kind::Table(Scope::Tls),
        default: None,
        documentation: "How the servers prove who they are, and we to them. Without it the system's certificate \
                        authorities are trusted.",
        example: "{ ca_file = \"/etc/vault/tls/vault-ca.crt\" }",
        variable: None,
    },
    Key {
        name: "ca_file",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "A PEM file of certificate authorities to trust instead of the system's. Read again when \
                        it changes.",
        example: "\"/etc/vault/tls/vault-ca.crt\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_FILE"),
    },
    Key {
        name: "ca_dir",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "A directory of such files, trusted together with `ca_file`. One that cannot be used refuses them all; hidden files and directories do not count.",
        example: "\"/etc/vault/tls/ca.d\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_DIR"),
    },
    Key {
        name: "ca_credential",
        scope: Scope::Tls,
        kind: Kind::Text,
        default: None,
        documentation: "The name of a systemd credential that is such a file, trusted together with `ca_file`: for a \
                        file in a directory that the service cannot enter. A drop-in names the file \
                        (`LoadCredential=ca:/etc/vault/tls/vault-ca.crt`), one for vault-unseal.service and one for \
                        vault-unsealed-wait.service. A change of the file counts from the next start on.",
        example: "\"ca\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_CREDENTIAL"),
    },
    Key {
        name: "client_cert",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "Our certificate chain, PEM, for servers that ask for one. Needs `client_key`.",
        example: "\"/etc/vault-unseal/client.crt\"",
        variable: Some("VAULT_UNSEAL_TLS_CLIENT_CERT"),
    },
    Key {
        name: "client_key",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "The private key of `client_cert`, PEM. Its group may read it, others must not.",
        example: "\"/etc/vault-unseal/client.key\"",
        variable: Some("VAULT_UNSEAL_TLS_CLIENT_KEY"),
    },
    Key {
        name: "server_name",
        scope: Scope::Tls,
        kind: Kind::Text,
        default: None,
        documentation: "The DNS name or IP address to find in the servers' certificates, when it is not the one \
                        in `nodes`.",
        example: "\"vault.home\"",
        variable: Some("VAULT_UNSEAL_TLS_SERVER_NAME"),
    },
    Key {
        name: "skip_verify",
        scope: Scope::Tls,
        kind: Kind::Boolean,
        default: Some("false"),
        documentation: "Accept any certificate. Dangerous: whoever answers at the address gets the key shares. \
                        Warned about at every start. Beside `pin_sha256` it is not: the key is checked then, and \
                        neither who signed the certificate, nor for which name and time.",
        example: "true",
        variable: Some("VAULT_UNSEAL_TLS_SKIP_VERIFY"),
    },
    Key {
        name: "pin_sha256",
        scope: Scope::Tls,
        kind: Kind::Texts,
        default: None,
        documentation: "The public keys that the servers may have; with any other key a server gets no shares, \
                        whoever signed its certificate. Each is the SHA-256 hash of the certificate's \
                        SubjectPublicKeyInfo (RFC 7469) in base64, which may start with curl's `sha256//`, or in hex: \
                        `openssl x509 -in FILE -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst \
                        -sha256 -binary | base64`. A pin does not replace the CA: the certificate, its names and its \
                        dates are checked as well, unless `skip_verify` is `true`. The server proves in each handshake \
                        that it holds the key, which works for RSA of 2048 to 8192 bits, P-256, P-384 and Ed25519; any \
                        other is refused. With `skip_verify` the certificate may be of X.509 version 1. A renewed certificate needs a new pin only if its key is new; list both before a \
                        change. Only for https addresses.",
        example: "[\"sha256//Fy4bpqgTxsDDWNGWTaDCWm3tyYGDb6wcjhHJmnrqJvQ=\"]",
        variable: Some("VAULT_UNSEAL_TLS_PIN_SHA256"),
    },
    Key {
        name: "allow_plaintext",
        scope: Scope::Cluster,
        kind: Kind::Boolean,
        default: Some("false"),
        documentation: "Accept `http://` addresses off this machine, and `dns+http://` and `srv+http://` names. \
                        Whoever can listen on the network gets the key shares. Also accept a server of this machine \
                        whose owner cannot be found because it is in another network namespace, as a container is; \
                        one that runs as an account that is not trusted is never accepted.",
        example: "true",
        variable: Some("VAULT_UNSEAL_ALLOW_PLAINTEXT"),
    },
    Key {
        name: "on_operator_seal",
        scope: Scope::Cluster,
        kind: Kind::Word(&["unseal", "hold"]),
        default: Some("\"unseal\""),
        documentation: "What to do when an operator seals a server on purpose, that is, when it is sealed over the \
                        same connection that showed it unsealed for 2 seconds or more. `unseal`: unseal it again. `hold`: leave it \
                        sealed until it is seen to restart, is unsealed by hand, `vault-unseal resume` is called, \
                        or this is `unseal` again.",
        example: "\"hold\"",
        variable: Some("VAULT_UNSEAL_ON_OPERATOR_SEAL"),
    },
    Key {
        name: "hold_for",
        scope: Scope::Cluster,
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(30 * 24 * 60 * 60)),
        default: None,
        documentation: "How long a server that an operator sealed is held at the most, from 1s to 30days. Only with \
                        `on_operator_seal = \"hold\"`; without it, there is no such end.",
        example: "\"8h\"",
        variable: Some("VAULT_UNSEAL_HOLD_FOR"),
    },
];
