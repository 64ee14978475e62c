//! Configuration files, as they are read: written to a file each time, since who owns it is judged too.

use crate::said;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process};
use vault_unseal::config::{Environment, LoadedConfig, Origin, Overrides, Purpose, load};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = env::var_os("FUZZ_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
    directory.join(format!("config-{}.toml", process::id()))
});

pub(crate) fn check(data: &[u8]) -> bool {
    for purpose in [Purpose::Observe, Purpose::Unseal] {
        match read(data, purpose) {
            Ok(loaded) => accepted(&loaded, data, purpose),
            Err(()) => return false,
        }
    }
    true
}

fn read(data: &[u8], purpose: Purpose) -> Result<LoadedConfig, ()> {
    fs::write(&*FILE, data).expect("there is room for a file");
    load(&Origin::File(FILE.clone()), &Environment::default(), &Overrides::default(), purpose)
        .map_err(|error| said::check(&error, data))
}

fn accepted(loaded: &LoadedConfig, data: &[u8], purpose: Purpose) {
    let settings = &loaded.settings;
    assert!(!settings.clusters.is_empty());
    for cluster in &settings.clusters {
        assert!((1..=64).contains(&cluster.name.len()), "{} bytes of name", cluster.name.len());
        assert!(
            !cluster.nodes.is_empty() || !cluster.discoveries.is_empty(),
            "{} has no servers",
            cluster.name
        );
        assert!(purpose == Purpose::Observe || cluster.shares.is_some(), "{} has no shares", cluster.name);
        let plaintext = cluster.nodes.iter().any(|node| node.to_string().starts_with("http://"));
        assert!(
            !plaintext || cluster.allow_plaintext || on_this_machine(&cluster.nodes),
            "{:?}",
            cluster.nodes
        );
    }
    for notice in &loaded.notices {
        said::check(notice, data);
    }
    // A comment changes nothing.
    let commented = [data, b"\n# the end\n"].concat();
    let again = read(&commented, purpose).expect("a comment is no reason to refuse it");
    assert_eq!(format!("{:?}", again.settings), format!("{settings:?}"));
}

fn on_this_machine(nodes: &[impl ToString]) -> bool {
    let own = ["http://127.", "http://[::1]", "http://localhost"];
    let texts: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    texts
        .iter()
        .filter(|text| text.starts_with("http://"))
        .all(|text| own.iter().any(|own| text.starts_with(own)))
}
