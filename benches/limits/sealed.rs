//! What shares sealed to a TPM cost beside the same shares in a plain file: the time from `sealed` to `unsealed`, and
//! memory before, during and after. The TPM is in software, so its own time is small: a chip takes up to a second more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::door::{self, Door};
use super::ground::{Ground, stop, write};
use super::peak::{Peak, Watched};
use super::process::Memory;
use super::support::process::{Daemon, run, vault_unseal};
use super::support::swtpm::Swtpm;
use super::table::{COMPARED, Table, Unit};

/// Unseals of each.
const UNSEALS: usize = 15;
/// Polls before each look at memory at rest.
const POLLS: usize = 60;
/// Where it says that a part was left out.
const WHAT: &str = "shares sealed to a TPM";

pub(crate) fn measure(table: &mut Table) {
    if let Some(missing) = missing() {
        table.absent(WHAT, &missing);
        return;
    }
    let homes = Homes::new();
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    for _ in 0..UNSEALS {
        plain.push(homes.unseal(&homes.plain));
        sealed.push(homes.unseal(&homes.sealed));
    }
    table.sample("sealed to unsealed", "plain file", &plain, Unit::Milliseconds, None);
    table.sample("sealed to unsealed", "TPM", &sealed, Unit::Milliseconds, None);
    table.ratio("sealed to unsealed", COMPARED, (&sealed, &plain), None);

    let plain = homes.memory(&homes.plain, false);
    let sealed = homes.memory(&homes.sealed, true);
    for (of, it) in [("plain file", &plain), ("TPM", &sealed)] {
        for (measure, value, limit) in [
            ("memory before the unseal: resident", it.before.rss, None),
            ("memory during the unseal: resident", it.during.daemon, None),
            ("memory at rest after it: resident", it.after.rss, Some(6.0 * 1024.0)),
            ("memory at rest after it: anonymous", it.after.anonymous, Some(1024.0)),
        ] {
            table.sample(measure, of, &[value], Unit::Kibibytes, limit);
        }
    }
    let helper = [sealed.during.child];
    table.sample("memory of the helper while it runs: resident", "TPM", &helper, Unit::Kibibytes, None);
}

/// What this machine or this build lacks.
fn missing() -> Option<String> {
    // Cargo names an executable whether its features are on or not.
    if !option_env!("CARGO_BIN_EXE_vault-unseal-tpm").is_some_and(|helper| Path::new(helper).is_file()) {
        return Some("the helper is not built: --features tpm".to_owned());
    }
    let lacking = ["swtpm", "tpm2_pcrextend"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err())?;
    Some(format!("there is no {lacking}"))
}

/// One server, and a configuration for each home of its shares.
struct Homes {
    ground: Ground,
    files: tempfile::TempDir,
    plain: String,
    sealed: String,
    /// Switched on as long as this lives.
    _tpm: Swtpm,
}

/// A daemon's memory around one unseal.
struct Around {
    before: Memory,
    during: Peak,
    after: Memory,
}

impl Homes {
    fn new() -> Self {
        let ground = Ground::new();
        ground.server.unseal(&ground.init);
        ground.wait_until_unsealed();
        let files = crate::support::directory::named("limits-sealed-");
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o700)).unwrap();
        write(files.path().join("ca.crt"), &ground.authority.pem());
        let plain = files.path().join("shares.json");
        write(plain.clone(), &ground.init.json);
        let tpm = Swtpm::start();
        tpm.extend(7);
        let sealed = files.path().join("shares.tpm2");
        seal(&plain, &sealed, &tpm);
        let plain = format!("{{ file = \"{}\" }}", plain.display());
        let sealed = format!("{{ tpm2 = \"{}\", tcti = \"{}\" }}", sealed.display(), tpm.tcti());
        Self { ground, files, plain, sealed, _tpm: tpm }
    }

    fn daemon(&self, shares: &str, node: &str, extra: &str) -> Daemon {
        let (config, files): (PathBuf, _) =
            (self.files.path().join("config.toml"), self.files.path().display());
        let text = format!(
            "[[cluster]]\nnodes = [{node:?}]\nshares = {shares}\ntls = {{ ca_file = \"{files}/ca.crt\" }}\n{extra}\n"
        );
        write(config.clone(), &text);
        Daemon::start(&mut vault_unseal(&["run", "--config", config.to_str().unwrap()]))
    }

    /// Milliseconds from the word `sealed` to the word `unsealed`.
    fn unseal(&self, shares: &str) -> f64 {
        self.ground.server.seal(&self.ground.init.root_token);
        let mut daemon = self.daemon(shares, &self.ground.server.url(), "");
        let sealed = daemon.wait_for_line(": sealed").at;
        let unsealed = daemon.wait_for_line(": unsealed").at;
        stop(daemon);
        self.ground.wait_until_unsealed();
        (unsealed - sealed).as_secs_f64() * 1e3
    }

    /// `proved`: the daemon also opens the shares a moment after its start, which is waited for.
    fn memory(&self, shares: &str, proved: bool) -> Around {
        let doors = [Door::to(self.ground.server.address())];
        let mut daemon = self.daemon(shares, &doors[0].url(), "poll_interval = \"100ms\"");
        daemon.wait_for_line(": unsealed");
        let before = Memory::of(daemon.pid());
        if proved {
            daemon.wait_for_line("the TPM opens");
        }
        let watched = Watched::begin(daemon.pid());
        self.ground.server.seal(&self.ground.init.root_token);
        daemon.wait_for_line(": unsealed");
        let during = watched.end();
        self.ground.wait_until_unsealed();
        door::wait_for(&doors, door::requests(&doors) + POLLS);
        let after = Memory::of(daemon.pid());
        stop(daemon);
        Around { before, during, after }
    }
}

/// By the verb that people use.
fn seal(from: &Path, to: &Path, tpm: &Swtpm) {
    let (from, to, tcti) = (from.to_str().unwrap(), to.to_str().unwrap(), tpm.tcti());
    let arguments = [
        "enroll",
        from,
        "--tpm2",
        "--pcrs",
        "7",
        "--output",
        to,
        "--tcti",
        &tcti,
        "--threshold",
        "3",
        "--keep",
    ];
    let output = run(&mut vault_unseal(&arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
