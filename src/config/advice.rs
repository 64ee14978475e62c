//! What to do about a configuration that was refused.

use super::error::ConfigError;
use super::keys::{self, KEYS, Kind, Scope};
use super::place::Place;
use super::value::PASTED;
use crate::explain::Explain;
use crate::external::quote::{sentence, toml};
use std::path::Path;

/// The least that a configuration says.
fn example(file: &Path) -> String {
    format!(
        "Write to {}:\n\
         \n\
         [[cluster]]\n\
         nodes  = [\"https://vault.example:8200\"]\n\
         shares = {{ credential = \"shares\" }}    # the service: /etc/vault-unseal/shares.json\n\
         \u{20}                                     # by hand: {{ file = \"/path/of/shares.json\" }}",
        sentence(file)
    )
}

/// The service's user is another at each start and cannot read a file of root's: systemd hands that over.
fn shares(path: &str) -> String {
    format!(
        "Write `shares = {{ credential = \"shares\" }}`: the service is given /etc/vault-unseal/shares.json by that name. By hand: \
         `shares = {{ file = {} }}`.",
        toml(path)
    )
}

impl Explain for ConfigError {
    fn kind(&self) -> &'static str {
        match self {
            Self::File(error) => error.kind(),
            Self::Syntax(_) => "config-syntax",
            Self::UnknownKey { .. } => "config-unknown-key",
            Self::UnknownVariable { .. } => "config-unknown-variable",
            Self::Type { .. } => "config-type",
            Self::BareNumber { .. } | Self::Duration { .. } | Self::RetryOrder { .. } => "config-duration",
            Self::Address { .. } => "config-address",
            Self::Value { .. } => "config-value",
            Self::Plaintext { .. } => "config-plaintext",
            Self::SameNode { .. } => "config-same-node",
            Self::SameName { .. } | Self::NameNeeded { .. } | Self::BadName { .. } => "config-cluster-name",
            Self::WhichCluster { .. } => "config-which-cluster",
            Self::NothingConfigured { .. } | Self::NoNodes { .. } => "config-no-nodes",
            Self::NoShares { .. } | Self::NoSource { .. } => "config-no-shares",
            Self::SeveralSources { .. } => "config-several-sources",
            Self::HalfClientCertificate { .. } => "config-half-client-certificate",
            Self::PinWithoutTls { .. } => "config-pin-without-tls",
            Self::TctiOfNothing { .. } => "config-tcti",
            Self::Inconsistent { .. } => "config-inconsistent",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::File(error) => error.advice(),
            Self::Syntax(error) if error.extract.starts_with('{') => {
                "This is JSON, perhaps the file with the shares; the configuration is a TOML file.".to_owned()
            }
            Self::Syntax(_) => "Mend the line; strings stand in double quotes, and https://toml.io has the rest.".to_owned(),
            Self::UnknownKey { key, table, header, secret, .. } => {
                let advice = unknown_key(key, *table, *header);
                if *secret { format!("{advice} {PASTED}") } else { advice }
            }
            Self::UnknownVariable { name } => unknown_variable(name),
            Self::Type { key, text, secret, .. } => match key.kind {
                Kind::Table(Scope::Shares) => {
                    let advice = shares(text.as_deref().unwrap_or("/path/of/shares.json"));
                    if *secret { format!("{PASTED} {advice}") } else { advice }
                }
                _ if *secret => PASTED.to_owned(),
                Kind::Clusters => "Write `[[cluster]]`, with two brackets, above the keys of each cluster.".to_owned(),
                Kind::Boolean => format!("Write `{} = true` or `{} = false`, without quotes.", key.name, key.name),
                _ => format!("Write `{} = {}`.", key.name, key.example),
            },
            Self::BareNumber { number, .. } => {
                format!("Write \"{number}s\", with the quotes, for seconds; ms, m and h work too.")
            }
            Self::Duration { problem, .. } => problem.advice(),
            Self::RetryOrder { .. } => "Make retry_max at least as long as retry_min.".to_owned(),
            Self::Address { problem, .. } => problem.advice(),
            Self::Value { problem, .. } => problem.advice(),
            Self::Plaintext { node, .. } => format!(
                "Use https, as in \"{}\"; or, if the network between is yours alone, write \
                 `allow_plaintext = true` in this cluster.",
                node.replacen("http://", "https://", 1)
            ),
            Self::SameNode { .. } => "Leave one of the two out.".to_owned(),
            Self::SameName { .. } => {
                "Write the nodes of one cluster into one [[cluster]], or give the second another name.".to_owned()
            }
            Self::NameNeeded { .. } => "Write `name = \"…\"` into every [[cluster]].".to_owned(),
            Self::BadName { .. } => "Use up to 64 letters, digits, `.`, `-` and `_`.".to_owned(),
            Self::WhichCluster { place, .. } => {
                let thing = if matches!(place, Place::Flag(_)) { "flag" } else { "variable" };
                format!("Leave the {thing} out and write the value into the [[cluster]] it is meant for.")
            }
            Self::NothingConfigured { file } => example(file),
            Self::NoNodes { .. } => "Write `nodes = [\"https://vault.example:8200\"]` into it.".to_owned(),
            Self::NoShares { place: Place::Nowhere, file, .. } => format!(
                "Set VAULT_UNSEAL_SHARES_CREDENTIAL (the service) or VAULT_UNSEAL_SHARES_FILE (by hand), or write a \
                 [[cluster]] with `shares` to {}.",
                sentence(file)
            ),
            Self::NoShares { .. } => shares("/path/of/shares.json"),
            Self::NoSource { .. } | Self::SeveralSources { .. } => {
                "Name exactly one: `{ credential = \"…\" }`, `{ tpm2 = \"…\" }` or, by hand, `{ file = \"…\" }`.".to_owned()
            }
            Self::HalfClientCertificate { .. } => "Give both client_cert and client_key, or neither.".to_owned(),
            Self::PinWithoutTls { .. } => {
                "Write its https address, or move it into a [[cluster]] of its own, without pins.".to_owned()
            }
            Self::TctiOfNothing { .. } => {
                "Name the sealed file beside it, `{ tpm2 = \"…\", tcti = \"…\" }`, or leave `tcti` out.".to_owned()
            }
            Self::Inconsistent { .. } => return None,
        })
    }
}

fn unknown_key(key: &str, table: Scope, header: bool) -> String {
    if let Some(nearest) = keys::nearest(key, keys::names(table)) {
        return format!("Did you mean `{nearest}`?");
    }
    // A key in the wrong table is as common as a slip of the pen.
    let elsewhere = KEYS.iter().find(|known| known.name == key).map(|known| match known.scope {
        Scope::Shares | Scope::Tls => {
            let table = known.scope.table();
            format!("It belongs into the table `{table}` of a [[cluster]]: `{table} = {{ {key} = … }}`.")
        }
        // All that stands below the line of a table is in it.
        Scope::Cluster | Scope::Everywhere if matches!(table, Scope::Shares | Scope::Tls) => {
            let table = table.table();
            if header {
                format!("It belongs into the [[cluster]] itself: move it above the `[cluster.{table}]` line.")
            } else {
                format!("It belongs into the [[cluster]] itself: move it out of `{table}`.")
            }
        }
        Scope::Cluster if header && matches!(known.kind, Kind::Table(_)) => {
            format!("Write `[cluster.{key}]`, below the [[cluster]] line that it belongs to.")
        }
        Scope::Cluster => "It belongs below a [[cluster]] line.".to_owned(),
        Scope::Top | Scope::Everywhere => "It belongs above the first [[cluster]] line.".to_owned(),
    });
    elsewhere.unwrap_or_else(|| {
        let names: Vec<&str> = keys::names(table).collect();
        format!("The keys of {} are {}.", table.table(), names.join(", "))
    })
}

fn unknown_variable(name: &str) -> String {
    let short = |variable: &'static str| variable.strip_prefix(keys::VARIABLE_PREFIX).unwrap_or(variable);
    let known: Vec<&'static str> =
        KEYS.iter().filter_map(|key| key.variable).chain([keys::CONFIG_VARIABLE]).map(short).collect();
    let written = name.strip_prefix(keys::VARIABLE_PREFIX).unwrap_or(name);
    match keys::nearest(written, known.iter().copied()) {
        Some(nearest) => format!("Did you mean {}{nearest}?", keys::VARIABLE_PREFIX),
        None => format!("Known are {}, all behind {}.", known.join(", "), keys::VARIABLE_PREFIX),
    }
}
