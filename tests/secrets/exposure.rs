//! What others get to see: logs, errors, the process table, core dumps.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::are_root;
use crate::needles::Needles;
use crate::support::certs::Authority;
use crate::support::guarded::Guarded;
use crate::support::home::{Home, cluster, corrupt, lines, shares_of_nobody, trusting};
use crate::support::hostile::Hostile;
use crate::support::process::{Daemon, run};
use crate::support::server::Builder;

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

#[test]
fn nothing_of_a_share_is_logged_even_at_trace() {
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    let mut shares = init.keys_hex.clone();
    shares[1] = corrupt(&shares[1]);
    let home = Home::new();
    home.shares(&lines(&shares));
    let tls = trusting(&server.ca_file());
    home.config(&format!("log_level = \"trace\"\n{}", cluster(&[&server.url()], &tls)));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    let pid = daemon.pid();
    let needles = Needles::of(&init);
    for file in ["cmdline", "environ"] {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        assert_eq!(needles.find(&text), nothing(), "{file}");
    }
    // The corrupt one too, which is named.
    home.shares(&lines(&shares_of_nobody(5, 3)));
    server.seal(&init.root_token);
    daemon.wait_for_line("shares-rejected");
    daemon.terminate();
    daemon.exit_status(crate::support::PATIENCE);
    let said = daemon.output();
    assert!(said.contains("share 2 of the source"), "{said}");
    assert_eq!(needles.find(said.as_bytes()), nothing(), "{said}");
    assert_eq!(Needles::of_hex(&shares).find(said.as_bytes()), nothing(), "{said}");
    assert!(!said.contains(&init.root_token));
}

#[test]
fn nothing_of_a_share_is_in_the_refusal_of_its_file() {
    let server = Hostile::http();
    let shares = shares_of_nobody(5, 3);
    let needles = Needles::of_hex(&shares);
    let json = serde_json::json!({"unseal_keys_hex": shares, "root_token": "s.abcdefghijklmnop"}).to_string();
    for (name, text) in [
        ("cut off", json[..json.len() / 2].to_owned()),
        ("one digit too few", shares.join("\n")[..5 * 67 - 2].to_owned()),
        ("on one line", shares.join(" ")),
        ("twice on a line", format!("{0}{0}\n", shares[0])),
        ("with a name", format!("Unseal Key 1: {}x\n", shares[0])),
        ("in another key", format!("{{\"password\": \"{}\"}}", shares[0])),
        ("conflicting", lines(&[shares[0].clone(), corrupt(&shares[0])])),
        ("with rubbish behind", format!("{}\nrubbish\n", shares[0])),
    ] {
        let home = Home::of_hostile(&server, &text);
        for verb in ["run", "check"] {
            let mut command = home.command(&[verb]);
            let output = run(command.env("VAULT_UNSEAL_LOG_LEVEL", "trace"));
            let said = [output.stdout, output.stderr].concat();
            let expected = if verb == "run" { 78 } else { 4 };
            assert_eq!(output.status.code(), Some(expected), "{name}: {}", String::from_utf8_lossy(&said));
            assert_eq!(needles.find(&said), nothing(), "{name}: {}", String::from_utf8_lossy(&said));
        }
    }
}

#[test]
fn no_core_is_dumped_and_nobody_of_the_same_user_looks_in() {
    const NOBODY: u32 = 65534;
    if !are_root() {
        return;
    }
    let server = Hostile::http();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    // The program too: the build directory need not be open to others. Copied by another process, because a file
    // that this one holds open for writing is inherited by what the other tests start, and busy then.
    let program = home.path("vault-unseal");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_vault-unseal")).arg(&program).status().unwrap();
    assert!(copied.success());
    for path in [home.directory().to_owned(), home.path("config.toml"), home.path("shares"), program.clone()]
    {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(["run", "--config"]).arg(home.path("config.toml")).env_clear().stdin(Stdio::null());
    let mut daemon = Daemon::start(command.uid(NOBODY).gid(NOBODY));
    daemon.wait_for_line("unreachable (HTTP 404");

    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");

    let reads = |pid: u32| {
        let mut cat = Command::new("cat");
        let cat = cat.arg(format!("/proc/{pid}/environ")).stdout(Stdio::null()).stderr(Stdio::null());
        cat.uid(NOBODY).gid(NOBODY).status().unwrap().success()
    };
    // What is true of any process is not true of this one.
    let sleeper = Guarded::spawn(Command::new("sleep").arg("600").uid(NOBODY).gid(NOBODY));
    assert!(reads(sleeper.pid()), "a process of the same user can be looked into");
    assert!(!reads(daemon.pid()), "PR_SET_DUMPABLE is not 0");
}
