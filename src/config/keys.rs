//! The table of keys: the one definition of each. What files may say, the environment variables, the flags, the defaults and
//! the manual follow from it.

pub use super::key::{CONFIG_VARIABLE, DefaultValue, Flag, Key, Kind, Scope, VARIABLE_PREFIX};
use crate::accounts::DEFAULT_SERVER_USERS;
use std::time::Duration;

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const MINUTE: Duration = seconds(60);
const HOUR: Duration = seconds(60 * 60);
const DAY: Duration = seconds(24 * 60 * 60);
const MONTH: Duration = seconds(30 * 24 * 60 * 60);

/// Makes a static of each row, so that no name of a key is a text in the code, and the list of all, so that none is missing
/// in it.
macro_rules! table {
    ($($key:ident: $default:ty = $row:expr,)*) => {
        $(
            #[doc = concat!("The row `", stringify!($key), "`.")]
            pub static $key: Key<$default> = $row;
        )*

        /// Every key, in the order of the manual.
        pub static KEYS: &[&Key] = &[$(&$key),*];
    };
}

table! {
    LOG_LEVEL: &'static str = Key {
        name: "log_level", scope: Scope::Top, kind: Kind::Word(&["error", "warn", "info", "debug", "trace"]),
        default: "info",
        documentation: "How much is logged. `info` tells of every change of a node's state, `debug` of every request.",
        example: "\"debug\"",
        variable: Some("VAULT_UNSEAL_LOG_LEVEL"),
        flag: Some(Flag {
            order: 16, long: "log-level", value: "LEVEL", in_short_help: true,
            help: "error, warn, info, debug or trace",
        }),
    },
    SERVER_USERS: [&'static str; 2] = Key {
        name: "server_users", scope: Scope::Top, kind: Kind::Accounts,
        default: DEFAULT_SERVER_USERS,
        documentation: "The accounts of this machine that servers run as, by name or number. They are trusted as root \
                        and the account that runs vault-unseal are: share files and certificates of authorities may \
                        belong to them, and without TLS a server of this machine gets shares only if it runs as one of \
                        them. Unknown names do no harm. These accounts may not own the configuration.",
        example: "[\"vault\", 998]",
        variable: Some("VAULT_UNSEAL_SERVER_USERS"), flag: None,
    },
    POLL_INTERVAL: Duration = Key {
        name: "poll_interval", scope: Scope::Everywhere, kind: Kind::Duration(milliseconds(100), HOUR),
        default: seconds(1),
        documentation: "Time between two looks at a healthy server, from 100ms to 1h; from 1s on rounded to a multiple of \
                        64 ms. A restart is noticed sooner: the connection that is kept between the polls ends with the server.",
        example: "\"5s\"",
        variable: Some("VAULT_UNSEAL_POLL_INTERVAL"),
        flag: Some(Flag {
            order: 14, long: "poll-interval", value: "TIME", in_short_help: false,
            help: "Time between two looks at a healthy server",
        }),
    },
    SLOW_INTERVAL: Duration = Key {
        name: "slow_interval", scope: Scope::Everywhere, kind: Kind::Duration(seconds(1), DAY),
        default: seconds(30),
        documentation: "Time between two looks at a server that needs a person: it rejected the shares, unseals by \
                        other means, has its seal migrated, or keeps sealing itself. Also the longest pause after a \
                        rate limit. A new connection to an unsealed server is tried every ten times this. From 1s to \
                        1day.",
        example: "\"5m\"",
        variable: Some("VAULT_UNSEAL_SLOW_INTERVAL"), flag: None,
    },
    RETRY_MIN: Duration = Key {
        name: "retry_min", scope: Scope::Everywhere, kind: Kind::Duration(milliseconds(5), MINUTE),
        default: milliseconds(20),
        documentation: "The shortest pause before a server that does not answer is asked again, from 5ms to 1m. It \
                        grows with the outage up to `retry_max`. A closed port is tried more often at first.",
        example: "\"100ms\"",
        variable: Some("VAULT_UNSEAL_RETRY_MIN"), flag: None,
    },
    RETRY_MAX: Duration = Key {
        name: "retry_max", scope: Scope::Everywhere, kind: Kind::Duration(milliseconds(5), HOUR),
        default: seconds(1),
        documentation: "The longest such pause, from 5ms to 1h, and never below `retry_min`. After the first minute \
                        `poll_interval`, if that is longer.",
        example: "\"10s\"",
        variable: Some("VAULT_UNSEAL_RETRY_MAX"), flag: None,
    },
    REQUEST_TIMEOUT: Duration = Key {
        name: "request_timeout", scope: Scope::Everywhere, kind: Kind::Duration(milliseconds(100), seconds(600)),
        default: seconds(10),
        documentation: "How long a request may take, from 100ms to 10m.",
        example: "\"30s\"",
        variable: Some("VAULT_UNSEAL_REQUEST_TIMEOUT"),
        flag: Some(Flag {
            order: 15, long: "request-timeout", value: "TIME", in_short_help: false,
            help: "Time that one request may take",
        }),
    },
    UNSEAL_TIMEOUT: Duration = Key {
        name: "unseal_timeout", scope: Scope::Everywhere, kind: Kind::Duration(milliseconds(100), seconds(600)),
        default: seconds(100),
        documentation: "How long the request that submits the last needed share may take, from 100ms to 10m. A server \
                        that joins a raft cluster answers it late.",
        example: "\"3m\"",
        variable: Some("VAULT_UNSEAL_UNSEAL_TIMEOUT"), flag: None,
    },
    PRESENCE: bool = Key {
        name: "presence", scope: Scope::Everywhere, kind: Kind::Boolean,
        default: true,
        documentation: "Ask a server as soon as the idle connection to it ends, because the server most likely ended. \
                        `false`: only polls notice a restart, for networks and proxies that close idle connections.",
        example: "false",
        variable: Some("VAULT_UNSEAL_PRESENCE"), flag: None,
    },
    RESOLVE_INTERVAL: Duration = Key {
        name: "resolve_interval", scope: Scope::Everywhere, kind: Kind::Duration(milliseconds(100), DAY),
        default: seconds(30),
        documentation: "Time between two lookups of a `dns+` or `srv+` name in `nodes` while all is well, from 100ms \
                        to 1day. It is looked up sooner when one of its nodes can no longer be reached.",
        example: "\"1m\"",
        variable: Some("VAULT_UNSEAL_RESOLVE_INTERVAL"), flag: None,
    },
    FORGET_AFTER: Duration = Key {
        name: "forget_after", scope: Scope::Everywhere, kind: Kind::Duration(seconds(1), MONTH),
        default: HOUR,
        documentation: "How long a server that is no longer in DNS and does not answer is still watched, from 1s to \
                        30days. A server that answers stays watched. A failed lookup changes nothing.",
        example: "\"1day\"",
        variable: Some("VAULT_UNSEAL_FORGET_AFTER"), flag: None,
    },
    CLUSTER: () = Key {
        name: "cluster", scope: Scope::Top, kind: Kind::Clusters,
        default: (),
        documentation: "Servers that share one set of keys. Clusters of the same name in several files are one \
                        cluster; a later file's value replaces an earlier one.",
        example: "",
        variable: None, flag: None,
    },
    CLUSTER_NAME: &'static str = Key {
        name: "name", scope: Scope::Cluster, kind: Kind::Text,
        default: "default",
        documentation: "The cluster's name in logs and status: up to 64 letters, digits, `.`, `-` and `_`. Needed as \
                        soon as there are two clusters.",
        example: "\"home\"",
        variable: None, flag: None,
    },
    NODES: () = Key {
        name: "nodes", scope: Scope::Cluster, kind: Kind::Texts,
        default: (),
        documentation: "The addresses of all servers of the cluster, each as a URL with its port. Not the address of a \
                        load balancer: every server is unsealed by itself. `unix:///run/openbao/api.sock` is a server \
                        on a Unix socket of this machine, whose directory nobody else may write to. Without TLS a \
                        server of this machine must run as somebody trusted (`server_users`). \
                        `dns+https://vault.example:8200` stands for all addresses of the name, each a server whose \
                        certificate is for the name; only the IPv4 addresses if there are any. \
                        `srv+https://_vault._tcp.example` stands for all targets of the SRV record with their ports. \
                        They must lie in the domain behind `_vault._tcp.`, unless `server_name` in `tls` names all \
                        certificates, and is checked.",
        example: "[\"https://vault.home:8200\"]",
        variable: Some("VAULT_UNSEAL_NODES"),
        flag: Some(Flag {
            order: 1, long: "nodes", value: "URL,…", in_short_help: true,
            help: "Servers, separated by commas",
        }),
    },
    SHARES: () = Key {
        name: "shares", scope: Scope::Cluster, kind: Kind::Table(Scope::Shares),
        default: (),
        documentation: "Where the key shares are kept: exactly one of `file`, `credential`, `tpm2` and `socket`.",
        example: "{ file = \"/etc/vault-unseal/shares.json\" }",
        variable: None, flag: None,
    },
    SHARES_FILE: () = Key {
        name: "file", scope: Scope::Shares, kind: Kind::Path,
        default: (),
        documentation: "A file with key shares: what `vault operator init` or `bao operator init` printed, or plain text, one \
                        share a line; WHAT SHARES LOOK LIKE has every form, WHO MAY WRITE WHAT IS READ its owner and mode.",
        example: "\"/etc/vault-unseal/shares.json\"",
        variable: Some("VAULT_UNSEAL_SHARES_FILE"),
        flag: Some(Flag {
            order: 2, long: "shares-file", value: "FILE", in_short_help: true,
            help: "File with the key shares",
        }),
    },
    SHARES_CREDENTIAL: () = Key {
        name: "credential", scope: Scope::Shares, kind: Kind::Text,
        default: (),
        documentation: "The name of a systemd credential with the same content, as given to LoadCredential= or \
                        LoadCredentialEncrypted= in the unit.",
        example: "\"shares\"",
        variable: Some("VAULT_UNSEAL_SHARES_CREDENTIAL"),
        flag: Some(Flag {
            order: 3, long: "shares-credential", value: "NAME", in_short_help: true,
            help: "systemd credential with the key shares",
        }),
    },
    SHARES_TPM2: () = Key {
        name: "tpm2", scope: Scope::Shares, kind: Kind::Path,
        default: (),
        documentation: "A file with key shares that this machine's TPM 2.0 sealed, as `vault-unseal enroll` writes it; \
                        no other machine can open it. It is protected as a share file is. A service that was given a \
                        credential of the file's name (`LoadCredential=shares.tpm2:/etc/vault-unseal/shares.tpm2`) \
                        reads that in its place. Needs the package vault-unseal-tpm.",
        example: "\"/etc/vault-unseal/shares.tpm2\"",
        variable: Some("VAULT_UNSEAL_SHARES_TPM2"),
        flag: Some(Flag {
            order: 4, long: "shares-tpm2", value: "FILE", in_short_help: true,
            help: "File with the key shares that this machine's TPM sealed",
        }),
    },
    SHARES_SOCKET: () = Key {
        name: "socket", scope: Scope::Shares, kind: Kind::Path,
        default: (),
        documentation: "A Unix socket at which a service of this machine gives the same content to whoever connects, or \
                        nothing when it cannot have it now. It is asked when a server is sealed, again after 1 to 30 \
                        seconds while it gives none, and not believed unless root or the daemon's own user listens there, \
                        as systemd does for a .socket unit, which is root.",
        example: "\"/run/vault-unseal-shares.sock\"",
        variable: Some("VAULT_UNSEAL_SHARES_SOCKET"),
        flag: Some(Flag {
            order: 5, long: "shares-socket", value: "PATH", in_short_help: false,
            help: "Socket at which a service gives the key shares",
        }),
    },
    SHARES_TCTI: () = Key {
        name: "tcti", scope: Scope::Shares, kind: Kind::Text,
        default: (),
        documentation: "Beside `tpm2`: which TPM, as tpm2-tools name it. Without it, what the variables \
                        `TPM2TOOLS_TCTI` or `TCTI` say, else /dev/tpmrm0, else the one of the daemon tpm2-abrmd.",
        example: "\"device:/dev/tpmrm0\"",
        variable: None, flag: None,
    },
    TLS: () = Key {
        name: "tls", scope: Scope::Cluster, kind: Kind::Table(Scope::Tls),
        default: (),
        documentation: "How the servers and vault-unseal prove who they are. Without it the system's certificate \
                        authorities are trusted.",
        example: "{ ca_file = \"/etc/vault/tls/vault-ca.crt\" }",
        variable: None, flag: None,
    },
    CA_FILE: () = Key {
        name: "ca_file", scope: Scope::Tls, kind: Kind::Path,
        default: (),
        documentation: "A PEM file of certificate authorities to trust instead of the system's. Read again when it \
                        changes.",
        example: "\"/etc/vault/tls/vault-ca.crt\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_FILE"),
        flag: Some(Flag {
            order: 6, long: "ca-file", value: "FILE", in_short_help: true,
            help: "PEM file of the certificate authority that signed the servers' certificates",
        }),
    },
    CA_DIR: () = Key {
        name: "ca_dir", scope: Scope::Tls, kind: Kind::Path,
        default: (),
        documentation: "A directory of such files, trusted together with `ca_file`. If one cannot be used, all are \
                        refused; hidden files and directories do not count.",
        example: "\"/etc/vault/tls/ca.d\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_DIR"),
        flag: Some(Flag {
            order: 7, long: "ca-dir", value: "DIR", in_short_help: false,
            help: "Directory of CA files, PEM",
        }),
    },
    CA_CREDENTIAL: () = Key {
        name: "ca_credential", scope: Scope::Tls, kind: Kind::Text,
        default: (),
        documentation: "The name of a systemd credential that is such a file, trusted together with `ca_file`: for a \
                        file in a directory that the service cannot enter. A drop-in names the file \
                        (`LoadCredential=ca:/etc/vault/tls/vault-ca.crt`), one for vault-unseal.service and one for \
                        vault-unsealed-wait.service. A change of the file takes a restart of the service.",
        example: "\"ca\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_CREDENTIAL"), flag: None,
    },
    CLIENT_CERT: () = Key {
        name: "client_cert", scope: Scope::Tls, kind: Kind::Path,
        default: (),
        documentation: "The client's certificate chain, PEM, for servers that ask for it. Needs `client_key`.",
        example: "\"/etc/vault-unseal/client.crt\"",
        variable: Some("VAULT_UNSEAL_TLS_CLIENT_CERT"),
        flag: Some(Flag {
            order: 8, long: "client-cert", value: "FILE", in_short_help: false,
            help: "Client certificate, PEM",
        }),
    },
    CLIENT_KEY: () = Key {
        name: "client_key", scope: Scope::Tls, kind: Kind::Path,
        default: (),
        documentation: "The private key of `client_cert`, PEM. Its group may read it, others must not.",
        example: "\"/etc/vault-unseal/client.key\"",
        variable: Some("VAULT_UNSEAL_TLS_CLIENT_KEY"),
        flag: Some(Flag {
            order: 9, long: "client-key", value: "FILE", in_short_help: false,
            help: "Key of the client certificate, PEM",
        }),
    },
    SERVER_NAME: () = Key {
        name: "server_name", scope: Scope::Tls, kind: Kind::Text,
        default: (),
        documentation: "The DNS name or IP address to find in the servers' certificates, when it is not the one in \
                        `nodes`.",
        example: "\"vault.home\"",
        variable: Some("VAULT_UNSEAL_TLS_SERVER_NAME"),
        flag: Some(Flag {
            order: 10, long: "server-name", value: "NAME", in_short_help: false,
            help: "Name that the servers' certificates must have, instead of the one in the address",
        }),
    },
    SKIP_VERIFY: bool = Key {
        name: "skip_verify", scope: Scope::Tls, kind: Kind::Boolean,
        default: false,
        documentation: "Accept any certificate. Dangerous: whoever answers at the address gets the key shares. Warned \
                        about at every start. With `pin_sha256` it is not dangerous: the key is checked, but not the \
                        issuer, the name or the dates.",
        example: "true",
        variable: Some("VAULT_UNSEAL_TLS_SKIP_VERIFY"),
        flag: Some(Flag {
            order: 12, long: "skip-verify", value: "", in_short_help: false,
            help: "Accept any certificate (dangerous)",
        }),
    },
    PIN_SHA256: () = Key {
        name: "pin_sha256", scope: Scope::Tls, kind: Kind::Texts,
        default: (),
        documentation: "The public keys that the servers may have; with any other key a server gets no shares, whoever \
                        signed its certificate. Each is the SHA-256 hash of the certificate's SubjectPublicKeyInfo \
                        (RFC 7469) in base64, which may start with curl's `sha256//`, or in hex: `openssl x509 -in \
                        FILE -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | \
                        base64`. A pin does not replace the CA: the certificate, its names and its dates are checked \
                        as well, unless `skip_verify` is `true`. The server proves in each handshake that it holds the \
                        key, which works for RSA of 2048 to 8192 bits, P-256, P-384 and Ed25519; any other is refused. \
                        With `skip_verify` the certificate may be of X.509 version 1. A renewed certificate needs a \
                        new pin only if its key is new; list both before a change. Only for https addresses.",
        example: "[\"sha256//Fy4bpqgTxsDDWNGWTaDCWm3tyYGDb6wcjhHJmnrqJvQ=\"]",
        variable: Some("VAULT_UNSEAL_TLS_PIN_SHA256"),
        flag: Some(Flag {
            order: 11, long: "pin-sha256", value: "HASH,…", in_short_help: false,
            help: "SHA-256 hashes of the servers' public keys, separated by commas; no other key gets shares",
        }),
    },
    ALLOW_PLAINTEXT: bool = Key {
        name: "allow_plaintext", scope: Scope::Cluster, kind: Kind::Boolean,
        default: false,
        documentation: "Accept `http://` addresses off this machine, and `dns+http://` and `srv+http://` names. \
                        Whoever can listen on the network gets the key shares. Also accept a server of this machine \
                        whose owner cannot be found because it is in another network namespace, as a container is; a \
                        server of an untrusted account is never accepted.",
        example: "true",
        variable: Some("VAULT_UNSEAL_ALLOW_PLAINTEXT"),
        flag: Some(Flag {
            order: 13, long: "allow-plaintext", value: "", in_short_help: false,
            help: "Send shares unencrypted to other machines (dangerous)",
        }),
    },
    ON_OPERATOR_SEAL: &'static str = Key {
        name: "on_operator_seal", scope: Scope::Cluster, kind: Kind::Word(&["unseal", "hold"]),
        default: "unseal",
        documentation: "What to do when an operator seals a server on purpose, that is, when it is sealed over the \
                        same connection that showed it unsealed for 2 seconds or more. `unseal`: unseal it again. \
                        `hold`: leave it sealed until it is seen to restart, is unsealed by hand or by `vault-unseal \
                        resume`, `hold_for` has passed, or this is `unseal` again.",
        example: "\"hold\"",
        variable: Some("VAULT_UNSEAL_ON_OPERATOR_SEAL"), flag: None,
    },
    HOLD_FOR: () = Key {
        name: "hold_for", scope: Scope::Cluster, kind: Kind::Duration(seconds(1), MONTH),
        default: (),
        documentation: "How long a server that an operator sealed is held at the most, from 1s to 30days. Only with \
                        `on_operator_seal = \"hold\"`; by default there is no limit.",
        example: "\"8h\"",
        variable: Some("VAULT_UNSEAL_HOLD_FOR"), flag: None,
    },
}

/// The key of this name in `table`.
pub fn find(table: Scope, name: &str) -> Option<&'static Key> {
    KEYS.iter().copied().find(|key| key.name == name && key.stands_in(table))
}

/// The names that may stand in `table`, its own before those of every table.
pub fn names(table: Scope) -> impl Iterator<Item = &'static str> + Clone {
    let own = KEYS.iter().filter(move |key| key.scope == table);
    let common = KEYS.iter().filter(move |key| key.scope != table && key.stands_in(table));
    own.chain(common).map(|key| key.name)
}

/// The keys that have a flag, in the order of the help.
pub fn flags() -> Vec<(&'static Key, Flag)> {
    let mut flags: Vec<_> = KEYS.iter().filter_map(|key| Some((*key, key.flag?))).collect();
    flags.sort_unstable_by_key(|(_, flag)| flag.order);
    flags
}
