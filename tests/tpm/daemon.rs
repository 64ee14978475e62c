//! The daemon over a real server and a TPM.

use std::path::Path;
use std::{fs, io};

use crate::helper::sealed;
use crate::support::home::{Home, cluster, lines, shares_of_nobody};
use crate::support::hostile::Hostile;
use crate::support::process::{Daemon, Notify, run};
use crate::support::server::{Server, is_active};
use crate::support::swtpm::Swtpm;

/// The line of the configuration.
pub(crate) fn source(tpm: &Swtpm) -> String {
    format!("shares = {{ tpm2 = \"shares.tpm2\", tcti = \"{}\" }}", tpm.tcti())
}

/// A home with a file that `tpm` sealed.
pub(crate) fn home(tpm: &Swtpm, url: &str, text: &str, pcrs: Option<&str>) -> Home {
    let home = Home::new();
    put(&home, &sealed(tpm, text, pcrs));
    home.configure(&[url], &source(tpm));
    home
}

fn put(home: &Home, file: &[u8]) {
    home.put("shares.tpm2", std::str::from_utf8(file).unwrap());
}

/// How many helpers run that speak with this TPM.
fn helpers(tpm: &Swtpm) -> usize {
    let speaks = |entry: io::Result<fs::DirEntry>| {
        let line = fs::read_to_string(entry.ok()?.path().join("cmdline")).ok()?;
        (line.contains("vault-unseal-tpm\0open") && line.contains(&tpm.tcti())).then_some(())
    };
    fs::read_dir("/proc").unwrap().filter_map(speaks).count()
}

#[test]
fn a_server_is_unsealed_at_the_start_and_after_every_restart() {
    let tpm = Swtpm::start();
    let mut server = Server::start_plain();
    let init = server.init(3, 2);
    let home = home(&tpm, &server.url(), &lines(&init.keys_hex), Some("7"));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!((helpers(&tpm), tpm.handles().as_str()), (0, ""));
}

#[test]
fn what_the_tpm_opens_is_told_once_the_daemon_is_ready() {
    let tpm = Swtpm::start();
    let server = Hostile::http();
    let home = home(&tpm, &server.url(), &lines(&shares_of_nobody(3, 2)), None);
    let mut daemon = home.run();
    daemon.wait_for_line("shares.tpm2");
    assert!(daemon.output().contains(&format!("the TPM opens {}", home.path("shares.tpm2").display())));
    // Again after a reload, with another file.
    put(&home, &sealed(&tpm, &lines(&shares_of_nobody(3, 2)), Some("16")));
    tpm.extend(16);
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    daemon.wait_for_line("PCR 16 (sha256) no longer holds");
}

#[test]
fn a_tpm_that_comes_late_ends_nothing() {
    let mut tpm = Swtpm::start();
    let server = Server::start_plain();
    let init = server.init(3, 2);
    let home = home(&tpm, &server.url(), &lines(&init.keys_hex), None);
    let mut restarted = server;
    restarted.kill();
    restarted.start();
    tpm.switch_off();
    let mut notify = Notify::new();
    let mut daemon = Daemon::start(home.command(&["run"]).env("NOTIFY_SOCKET", notify.path()));
    notify.wait_for("READY=1");
    let said = daemon.wait_for_line("shares-unavailable").text;
    let reason = format!(
        "shares-unavailable (cannot open the shares in {} with the TPM: there is no TPM at {}",
        home.path("shares.tpm2").display(),
        tpm.tcti()
    );
    assert!(said.contains(&reason), "{said}");
    assert!(said.contains("See whether the machine has one"), "{said}");
    notify.wait_for("STATUS=1 node: 1 shares-unavailable");
    tpm.switch_on();
    daemon.wait_for_line(": unsealed (active)");
    restarted.wait_until(is_active);
}

#[test]
fn another_way_of_booting_is_told_and_a_file_sealed_anew_is_used_at_once() {
    let tpm = Swtpm::start();
    let mut server = Server::start_plain();
    let init = server.init(3, 2);
    let text = lines(&init.keys_hex);
    let home = home(&tpm, &server.url(), &text, Some("16"));
    server.kill();
    server.start();
    tpm.extend(16);
    let mut daemon = home.run();
    let said = daemon.wait_for_line("shares-unavailable").text;
    assert!(
        said.contains("PCR 16 (sha256) no longer holds what was there when the shares were sealed"),
        "{said}"
    );
    assert!(said.contains("vault-unseal enroll --rebind"), "{said}");
    put(&home, &sealed(&tpm, &text, Some("16")));
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_service_reads_the_copy_that_systemd_made_of_the_file() {
    let tpm = Swtpm::start();
    let server = Server::start_plain();
    let init = server.init(3, 2);
    let home = home(&tpm, &server.url(), &lines(&shares_of_nobody(3, 2)), Some("16"));
    fs::create_dir(home.path("credentials")).unwrap();
    let hand_over = |file: &[u8]| home.put("credentials/shares.tpm2", std::str::from_utf8(file).unwrap());
    hand_over(&fs::read(home.path("shares.tpm2")).unwrap());
    fs::remove_file(home.path("shares.tpm2")).unwrap();
    tpm.extend(16);
    let command = || {
        let mut command = home.command(&["run"]);
        command.env("CREDENTIALS_DIRECTORY", home.path("credentials"));
        command
    };
    let mut daemon = Daemon::start(&mut command());
    let said = daemon.wait_for_line("shares-unavailable").text;
    let places = format!("credential \"shares.tpm2\" in place of {}", home.path("shares.tpm2").display());
    assert!(said.contains(&format!("cannot open the shares in {places} with the TPM: PCR 16")), "{said}");
    // A copy that is made anew is noticed as the file would be.
    hand_over(&sealed(&tpm, &lines(&init.keys_hex), None));
    daemon.wait_for_line(": unsealed (active)");
    daemon.terminate();
    daemon.exit_status(crate::support::PATIENCE);
    // What the unit gives where there is no file.
    for text in ["\n", "{}"] {
        hand_over(text.as_bytes());
        let output = run(&mut command());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(&places) && said.contains("vault-unseal enroll"), "{said}");
    }
}

#[test]
fn what_check_says_of_a_sealed_file() {
    let tpm = Swtpm::start();
    tpm.extend(7);
    let server = Hostile::http();
    let text = lines(&shares_of_nobody(3, 2));
    let home = home(&tpm, &server.url(), &text, None);
    let mut said = String::new();
    for (title, pcrs) in [
        ("the TPM", None),
        ("PCRs", Some("7")),
        ("PCRs that hold nothing", Some("14")),
        ("another boot", Some("7")),
    ] {
        put(&home, &sealed(&tpm, &text, pcrs));
        if title == "another boot" {
            tpm.extend(7);
        }
        let output = run(&mut home.command(&["check"]));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stdout = stdout.replace(home.directory().to_str().unwrap(), "/etc/vault-unseal");
        let others = ["configuration  ", "http://", "cannot be told", "A proxy", " problem"];
        let ours: Vec<&str> =
            stdout.lines().filter(|line| !others.iter().any(|other| line.contains(other))).collect();
        said = said + "# " + title + "\n" + &ours.join("\n") + "\n";
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tpm/snapshots/check.txt");
    snapbox::Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .eq(said, snapbox::Data::read_from(&path, None));
}

#[test]
fn a_tpm_that_hangs_is_given_up_and_found_again() {
    let mut tpm = Swtpm::start();
    let server = Hostile::http();
    let home = home(&tpm, &server.url(), &lines(&shares_of_nobody(3, 2)), None);
    tpm.pause();
    let check = || {
        let output = run(&mut home.command(&["check"]));
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = check();
    assert!(said.contains("the TPM did not answer within 10s"), "{said}");
    assert_eq!(helpers(&tpm), 0, "it was killed");
    tpm.resume();
    let said = check();
    assert!(said.contains("3 shares in"), "{said}");
}

#[test]
fn several_servers_share_one_tpm() {
    let tpm = Swtpm::start();
    let mut servers = [Server::start_plain(), Server::start_plain()];
    let home = home_of(&tpm, &servers);
    for server in &mut servers {
        server.kill();
        server.start();
    }
    let _daemon = home.run();
    for server in &servers {
        server.wait_until(is_active);
    }
    assert_eq!(tpm.handles(), "");
}

#[test]
fn the_wait_for_anothers_turn_is_not_the_tpms_time() {
    let mut tpm = Swtpm::start();
    let mut servers = [Server::start_plain(), Server::start_plain()];
    let home = home_of(&tpm, &servers);
    for server in &mut servers {
        server.kill();
        server.start();
    }
    tpm.pause();
    // Both begin at once.
    let mut daemon = home.run();
    // The first one's time passes. The second one's begins then, and the TPM is back.
    daemon.wait_for_line("the TPM did not answer within 10s");
    tpm.resume();
    daemon.wait_for_line(": unsealed (");
    let late = daemon.output().matches("the TPM did not answer within 10s").count();
    assert_eq!(late, 1, "{}", daemon.output());
}

/// A home where each server has a file of its own that `tpm` sealed.
fn home_of(tpm: &Swtpm, servers: &[Server]) -> Home {
    let home = Home::new();
    let mut clusters = String::new();
    for (number, server) in servers.iter().enumerate() {
        let init = server.init(3, 2);
        let file = format!("shares{number}.tpm2");
        let sealed = sealed(tpm, &lines(&init.keys_hex), Some("7"));
        home.put(&file, std::str::from_utf8(&sealed).unwrap());
        let more =
            format!("name = \"c{number}\"\nshares = {{ tpm2 = \"{file}\", tcti = \"{}\" }}", tpm.tcti());
        clusters.push_str(&cluster(&[&server.url()], &more));
    }
    home.config(&clusters);
    home
}

#[test]
fn the_variables_of_tpm2_tools_name_the_tpm_where_the_configuration_does_not() {
    let tpm = Swtpm::start();
    let server = Hostile::http();
    let home = home(&tpm, &server.url(), &lines(&shares_of_nobody(3, 2)), None);
    home.configure(&[&server.url()], "shares = { tpm2 = \"shares.tpm2\" }");
    for variable in ["TPM2TOOLS_TCTI", "TCTI"] {
        let output = run(home.command(&["check"]).env(variable, tpm.tcti()));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("3 shares in"), "{said}");
    }
    if !Path::new("/dev/tpmrm0").exists() {
        let output = run(&mut home.command(&["check"]));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("there is no TPM: /dev/"), "{said}");
    }
}
