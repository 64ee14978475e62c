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
    /// The kind of source and its path or name.
    pub(super) shares: Option<(String, Tagged<String>)>,
    pub(super) tls: TlsFragment,
    pub(super) pace: PaceFragment,
    pub(super) allow_plaintext: Said<bool>,
    pub(super) on_operator_seal: Said<String>,
}

/// A cluster's `tls`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsFragment {
    pub(super) ca_file: Said<String>,
    pub(super) ca_dir: Said<String>,
    pub(super) client_cert: Said<String>,
    pub(super) client_key: Said<String>,
    pub(super) server_name: Said<String>,
    pub(super) skip_verify: Said<bool>,
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
}
