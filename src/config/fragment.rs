//! What the layers say together, before it is checked: every field may be missing.

use figment::value::magic::Tagged;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A value that remembers the layer it comes from; `None` when no layer has it.
pub(super) type Said<T> = Option<Tagged<T>>;

/// The whole configuration.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fragment {
    pub(super) log_level: Said<String>,
    pub(super) server_users: Said<Vec<Tagged<String>>>,
    /// The defaults of all clusters.
    pub(super) pace: PaceFragment,
    /// The clusters by name.
    pub(super) cluster: BTreeMap<String, ClusterFragment>,
}

/// One cluster.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClusterFragment {
    pub(super) nodes: Option<Vec<Tagged<String>>>,
    pub(super) shares: Option<SharesFragment>,
    pub(super) tls: TlsFragment,
    pub(super) pace: PaceFragment,
    pub(super) allow_plaintext: Said<bool>,
    pub(super) on_operator_seal: Said<String>,
    pub(super) hold_for: Said<String>,
}

/// A cluster's `shares`: a list in the layers, so that a later one replaces it as a whole.
#[derive(Deserialize)]
pub(super) struct SharesFragment {
    /// The kind of source, a key of the table.
    pub(super) kind: String,
    /// Its path or name.
    pub(super) value: Tagged<String>,
    /// Which TPM.
    #[serde(default)]
    pub(super) tcti: Said<String>,
}

/// A cluster's `tls`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsFragment {
    pub(super) ca_file: Said<String>,
    pub(super) ca_dir: Said<String>,
    pub(super) ca_credential: Said<String>,
    pub(super) client_cert: Said<String>,
    pub(super) client_key: Said<String>,
    pub(super) server_name: Said<String>,
    pub(super) skip_verify: Said<bool>,
    pub(super) pin_sha256: Said<Vec<Tagged<String>>>,
}

/// The keys that may stand in a cluster or above all.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PaceFragment {
    pub(super) poll_interval: Said<String>,
    pub(super) slow_interval: Said<String>,
    pub(super) retry_min: Said<String>,
    pub(super) retry_max: Said<String>,
    pub(super) request_timeout: Said<String>,
    pub(super) unseal_timeout: Said<String>,
    pub(super) presence: Said<bool>,
    pub(super) resolve_interval: Said<String>,
    pub(super) forget_after: Said<String>,
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::super::keys::{KEYS, Kind, Scope};
    use super::super::layers::Layers;
    use super::*;
    use serde::de::{Deserializer, Error as _, Visitor, value::Error};
    use std::path::Path;

    /// The fields that a struct asks its deserializer for, instead of values for them.
    #[derive(Default)]
    struct Fields(Vec<&'static str>);

    impl<'de> Deserializer<'de> for &mut Fields {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            self.0.extend(fields);
            Err(Error::custom("fields only"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn fields<'de, T: Deserialize<'de>>(without: &str) -> Vec<&'static str> {
        let mut fields = Fields::default();
        assert!(T::deserialize(&mut fields).is_err(), "a struct");
        fields.0.retain(|field| *field != without);
        fields.0.sort_unstable();
        fields.0
    }

    #[test]
    fn the_table_of_keys_and_the_structs_agree() {
        let keys = |scope| {
            // The name is not in the struct: clusters are a map by it.
            let names =
                KEYS.iter().filter(|key| key.scope == scope && key.name != "name").map(|key| key.name);
            let mut names: Vec<_> = names.collect();
            names.sort_unstable();
            names
        };
        assert_eq!(fields::<Fragment>("pace"), keys(Scope::Top));
        assert_eq!(fields::<ClusterFragment>("pace"), keys(Scope::Cluster));
        assert_eq!(fields::<TlsFragment>(""), keys(Scope::Tls));
        assert_eq!(fields::<PaceFragment>(""), keys(Scope::Everywhere));
    }

    #[test]
    fn the_example_of_every_key_is_accepted() {
        for key in KEYS.iter().filter(|key| key.kind != Kind::Clusters) {
            let line = format!("{} = {}", key.name, key.example);
            let text = match key.scope {
                Scope::Top | Scope::Everywhere => line,
                Scope::Cluster => format!("[[cluster]]\n{line}"),
                Scope::Shares if key.name == "tcti" => {
                    format!("[[cluster]]\nshares = {{ tpm2 = \"/shares.tpm2\", {line} }}")
                }
                Scope::Shares => format!("[[cluster]]\nshares = {{ {line} }}"),
                Scope::Tls => format!("[[cluster]]\ntls = {{ {line} }}"),
            };
            let document = Document::parse(Path::new("/config.toml"), &text).expect(key.name);
            Layers::of_files(vec![document]).and_then(|layers| layers.fragment()).map(drop).expect(key.name);
        }
    }
}
