//! Configurations as a person writes them, and what vault-unseal makes of them.
//!
//! Every directory below `tests/config` is a case: `etc/` is the file system, `env` the environment, `args` the
//! flags (or `observe` for a verb that submits nothing), `modes` the permissions that git does not keep, `expected`
//! the answer. `UPDATE_EXPECT=1 cargo test --test config` writes the answers anew.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/directory.rs"]
#[allow(unreachable_pub, dead_code, reason = "the other tests use more of it")]
mod directory;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use vault_unseal::accounts::Trusted;
use vault_unseal::cluster::ShareSource;
use vault_unseal::cluster::{OnOperatorSeal, Pace};
use vault_unseal::config::{self, Environment, LoadedConfig, Origin, Overrides, Purpose, TlsSettings, keys};
use vault_unseal::explain::Explain;

#[test]
fn every_case_gets_its_answer() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut names: Vec<_> =
        fs::read_dir(&cases).expect("cases").map(|case| case.expect("case").path()).collect();
    names.sort();
    assert!(names.len() >= 40, "only {} cases found", names.len());
    let mut wrong = String::new();
    for case in names {
        let answer = answer(&case);
        let expected = case.join("expected");
        if update {
            fs::write(&expected, &answer).expect("write");
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(&answer) {
            let _ = writeln!(wrong, "--- {}\n{answer}", case.display());
        }
    }
    assert!(wrong.is_empty(), "these answers are not the expected ones:\n{wrong}");
}

/// What the case's configuration leads to, its root directory left out of the paths.
fn answer(case: &Path) -> String {
    let root = directory::directory();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    copy(case, root.path());
    for line in lines(case, "modes") {
        let (mode, path) = line.split_once(' ').expect("mode and path");
        let mode = u32::from_str_radix(mode, 8).expect("octal mode");
        fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).expect("mode");
    }
    let environment: Environment = lines(case, "env")
        .into_iter()
        .map(|line| {
            let (name, value) = line.split_once('=').expect("name=value");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut origin = Origin::Standard(root.path().to_owned());
    let (known, mut typed) = (keys::flags(), Vec::new());
    let mut purpose = Purpose::Unseal;
    for line in lines(case, "args") {
        let (flag, value) = line.split_once(' ').unwrap_or((&line, ""));
        match flag {
            "observe" => purpose = Purpose::Observe,
            "--config" => origin = Origin::File(root.path().join(value)),
            _ => {
                match flag.strip_prefix("--").filter(|name| known.iter().any(|(_, flag)| flag.long == *name))
                {
                    Some(name) => typed.push((name.to_owned(), value.to_owned())),
                    None => panic!("{flag} is not known"),
                }
            }
        }
    }
    let flags = Overrides::of(|_, flag| {
        typed.iter().find(|(name, _)| name == flag.long).map(|(_, value)| value.clone())
    });
    let answer = match config::load(&origin, &environment, &flags, purpose) {
        Ok(loaded) => settings(&loaded),
        Err(error) => format!("{}: {error}\n{}\n", error.kind(), error.advice().unwrap_or_default()),
    };
    answer.replace(root.path().to_str().expect("UTF-8"), "")
}

/// The settings as a person would note them down; what is at its default is left out.
fn settings(loaded: &LoadedConfig) -> String {
    let mut out = String::new();
    for source in &loaded.sources {
        let _ = writeln!(out, "read {}", source.display());
    }
    let _ = writeln!(out, "log_level {}", loaded.settings.log_level);
    if *loaded.settings.trusted != Trusted::default() {
        let _ = writeln!(out, "trusted: {}", loaded.settings.trusted.as_ref().clone().seen_by(0));
    }
    for cluster in &loaded.settings.clusters {
        let _ = writeln!(out, "cluster {}", cluster.name);
        for node in cluster
            .nodes
            .iter()
            .map(ToString::to_string)
            .chain(cluster.discoveries.iter().map(ToString::to_string))
        {
            let _ = writeln!(out, "  node {node}");
        }
        let _ = match &cluster.shares {
            Some(ShareSource::File(path)) => writeln!(out, "  shares in the file {}", path.display()),
            Some(ShareSource::Credential(name)) => writeln!(out, "  shares in the credential {name}"),
            Some(ShareSource::Socket(path)) => writeln!(out, "  shares from the socket {}", path.display()),
            Some(ShareSource::Tpm2 { path, tcti }) => {
                let tpm = tcti.as_deref().unwrap_or("the TPM");
                writeln!(out, "  shares in {}, sealed to {tpm}", path.display())
            }
            None => writeln!(out, "  no shares"),
        };
        let TlsSettings {
            ca_file,
            ca_dir,
            ca_credential,
            client_cert,
            client_key,
            server_name,
            skip_verify,
            pin_sha256,
        } = &cluster.tls;
        let paths = [
            ("ca_file", ca_file),
            ("ca_dir", ca_dir),
            ("client_cert", client_cert),
            ("client_key", client_key),
        ];
        for (key, path) in paths {
            if let Some(path) = path {
                let _ = writeln!(out, "  {key} {}", path.display());
            }
        }
        if let Some(credential) = ca_credential {
            let _ = writeln!(out, "  ca_credential {} at {}", credential.name, credential.path.display());
        }
        if let Some(name) = server_name {
            let _ = writeln!(out, "  server_name {name}");
        }
        if *skip_verify {
            let _ = writeln!(out, "  skip_verify");
        }
        for pin in pin_sha256 {
            let _ = writeln!(out, "  pin {pin}");
        }
        let (pace, default) = (&cluster.pace, Pace::default());
        let paces = [
            ("poll_interval", pace.poll_interval, default.poll_interval),
            ("slow_interval", pace.slow_interval, default.slow_interval),
            ("retry_min", pace.retry_min, default.retry_min),
            ("retry_max", pace.retry_max, default.retry_max),
            ("request_timeout", pace.request_timeout, default.request_timeout),
            ("unseal_timeout", pace.unseal_timeout, default.unseal_timeout),
            ("resolve_interval", pace.resolve_interval, default.resolve_interval),
            ("forget_after", pace.forget_after, default.forget_after),
        ];
        let others = cluster.durations.iter().filter_map(|(key, value)| {
            let is_pace = paces.iter().any(|(name, ..)| *name == key);
            let default = keys::KEYS.iter().find(|known| known.name == key)?.default.duration()?;
            (!is_pace).then_some((key, value, default))
        });
        for (key, value, default) in paces.into_iter().chain(others) {
            if value != default {
                let _ = writeln!(out, "  {key} {}", humantime::format_duration(value));
            }
        }
        if pace.presence != default.presence {
            let _ = writeln!(out, "  presence {}", pace.presence);
        }
        if cluster.on_operator_seal != OnOperatorSeal::default() {
            let _ = writeln!(out, "  on_operator_seal {:?}", cluster.on_operator_seal);
        }
    }
    for notice in &loaded.notices {
        let _ = writeln!(out, "{}: {notice}", notice.kind());
        if let Some(advice) = notice.advice() {
            let _ = writeln!(out, "{advice}");
        }
    }
    out
}

fn lines(case: &Path, name: &str) -> Vec<String> {
    fs::read_to_string(case.join(name)).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Copies a directory with the permissions that a package would give.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("directory") {
        let path = entry.expect("entry").path();
        let target = to.join(path.file_name().expect("name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("directory");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).expect("mode");
            copy(&path, &target);
        } else {
            fs::write(&target, fs::read(&path).expect("read")).expect("write");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).expect("mode");
        }
    }
}

/// The example that is installed, as it is and with every value uncommented.
#[test]
fn the_example_says_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
    let example = fs::read_to_string(path).expect("example");
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(value) if !value.is_empty() && !value.starts_with(' ') => format!("{value}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let load = |text: &str| {
        let root = directory::directory();
        let path = root.path().join("config.toml");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
        let loaded = config::load(
            &Origin::File(path),
            &Environment::default(),
            &Overrides::default(),
            Purpose::Unseal,
        )
        .expect("the example is valid");
        assert_eq!(loaded.notices, []);
        loaded.settings
    };
    let (plain, mut full) = (load(&example), load(&uncommented));
    for key in keys::KEYS {
        let headers = [format!("[[{}]]", key.name), format!("[cluster.{}]", key.name)];
        let value = format!("{} = ", key.name);
        let inline = [format!("{{ {value}"), format!(", {value}")];
        let says = |line: &str| {
            // The three lines that everybody needs are aligned.
            let line = line.replace("  =", " =");
            headers.contains(&line)
                || line.starts_with(&value)
                || inline.iter().any(|inline| line.contains(inline))
        };
        assert!(uncommented.lines().any(says), "the example lacks {}", key.path());
    }
    assert_eq!(plain.clusters[0].pace, Pace::default());
    assert_eq!(plain.clusters[0].tls, TlsSettings::default());
    assert_ne!(full.clusters[0].tls, TlsSettings::default(), "the values are uncommented");
    full.clusters[0].tls = TlsSettings::default();
    assert_eq!(full, plain);
}
