//! Sealed to a (software) TPM, and what the daemon makes of it.

use std::fs;

use serde_json::Value;

use crate::needles::Needles;
use crate::support::home::{Home, cluster, lines, shares_of_nobody};
use crate::support::process::run;
use crate::support::server::{Server, is_active};
use crate::support::swtpm::Swtpm;
use crate::{document, enroll, files, text};

#[test]
fn a_server_is_unsealed_from_what_only_this_tpm_opens() {
    let (server, tpm) = (Server::start_plain(), Swtpm::start());
    let init = server.init(5, 3);
    let home = Home::new();
    let tcti = tpm.tcti();
    let source = format!("shares = {{ tpm2 = \"shares.tpm2\", tcti = \"{tcti}\" }}");
    home.configure(&[&server.url()], &source);
    for text in [init.json.clone(), init.api_json.clone(), lines(&init.keys_base64)] {
        home.put("init", &text);
        // Which TPM is in the configuration.
        let arguments =
            ["init", "--tpm2", "--output", "shares.tpm2", "--force", "--shred", "--config", "config.toml"];
        let document = document(&mut enroll(&home, &arguments));
        assert_eq!(
            (&document["stored"][0]["home"], document["stored"][0]["pcrs"].as_str()),
            (&"tpm2".into(), None)
        );
        assert_eq!(files(home.directory()), ["config.toml", "shares.tpm2"]);
        let file = fs::read(home.path("shares.tpm2")).unwrap();
        assert!(Needles::of(&init).find(&file).is_empty());
        assert!(!String::from_utf8(file).unwrap().contains(&init.root_token));
        let mut daemon = home.run();
        server.wait_until(is_active);
        daemon.terminate();
        daemon.exit_status(crate::support::PATIENCE);
        server.seal(&init.root_token);
    }
}

#[test]
fn of_several_configured_tpms_it_is_the_files_own_unless_another_is_named() {
    let (tpm, other) = (Swtpm::start(), Swtpm::start());
    let home = Home::new();
    home.put("all", &lines(&shares_of_nobody(5, 3)));
    let source = |name: &str, tpm: &Swtpm| {
        let tcti = tpm.tcti();
        format!("name = \"{name}\"\nshares = {{ tpm2 = \"{name}.tpm2\", tcti = \"{tcti}\" }}")
    };
    let clusters = cluster(&["http://127.0.0.1:1"], &source("a", &other))
        + &cluster(&["http://127.0.0.1:2"], &source("shares", &tpm));
    home.config(&clusters);
    let enrolled = |more: &[&str]| {
        let arguments = ["all", "--tpm2", "--output", "shares.tpm2", "--threshold", "3", "--force"];
        document(enroll(&home, &arguments).args(["--config", "config.toml"]).args(more));
        fs::read(home.path("shares.tpm2")).unwrap()
    };
    let opened_by = |tpm: &Swtpm, file: &[u8]| {
        home.put("here.tpm2", std::str::from_utf8(file).unwrap());
        let arguments = ["--rebind", "--output", "here.tpm2", "--tcti", &tpm.tcti()];
        run(&mut enroll(&home, &arguments)).status.success()
    };
    let file = enrolled(&[]);
    assert!(opened_by(&tpm, &file) && !opened_by(&other, &file));
    let file = enrolled(&["--tcti", &other.tcti()]);
    assert!(opened_by(&other, &file) && !opened_by(&tpm, &file));
}

#[test]
fn after_a_firmware_update_it_is_bound_anew() {
    let mut tpm = Swtpm::start();
    let home = Home::new();
    let tcti = tpm.tcti();
    home.put("offline", &lines(&shares_of_nobody(5, 3)));
    let bind = |arguments: &[&str]| {
        run(enroll(&home, arguments).args(["--output", "shares.tpm2", "--tcti", &tcti, "--json"]))
    };
    let pcrs = |output: &std::process::Output| {
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(output)));
        (document["stored"][0]["pcrs"].clone(), document["stored"][0]["pcrs_measured"].clone())
    };
    tpm.extend(0);
    assert_eq!(pcrs(&bind(&["offline", "--tpm2", "--pcrs", "0+7"])), ("sha256:0+7".into(), true.into()));
    // From the file that still opens, to the same PCRs and to others.
    assert_eq!(pcrs(&bind(&["--rebind"])).0, "sha256:0+7");
    assert_eq!(pcrs(&bind(&["--rebind", "--pcrs", "0"])).0, "sha256:0");
    // The update: the machine starts differently.
    tpm.reboot();
    tpm.extend(0);
    tpm.extend(0);
    let before = fs::read(home.path("shares.tpm2")).unwrap();
    let refused = bind(&["--rebind"]);
    assert!(!refused.status.success() && text(&refused).contains("--rebind FILE"), "{}", text(&refused));
    assert_eq!(fs::read(home.path("shares.tpm2")).unwrap(), before, "kept until there is another");
    assert_eq!(pcrs(&bind(&["--rebind", "offline"])).0, "sha256:0");
    assert_eq!(pcrs(&bind(&["--rebind"])).0, "sha256:0", "it opens again");
    // From standard input as from a file, where the shares are on paper.
    tpm.extend(0);
    let offline = fs::File::open(home.path("offline")).unwrap();
    let arguments = ["--rebind", "-", "--output", "shares.tpm2", "--tcti", &tcti, "--json"];
    assert_eq!(pcrs(&run(enroll(&home, &arguments).stdin(offline))).0, "sha256:0");
    assert!(home.path("offline").exists());
    // PCRs that nobody extended bind to nothing.
    assert_eq!(pcrs(&bind(&["--rebind", "--pcrs", "7"])), ("sha256:7".into(), false.into()));
}

#[test]
fn a_part_stays_a_part() {
    let tpm = Swtpm::start();
    let home = Home::new();
    let tcti = tpm.tcti();
    home.put("all", &lines(&shares_of_nobody(5, 3)));
    let bind = |arguments: &[&str]| {
        run(enroll(&home, arguments).args([
            "--output",
            "shares.tpm2",
            "--threshold",
            "3",
            "--tcti",
            &tcti,
            "--json",
        ]))
    };
    let positions = |output: &std::process::Output| {
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(output)));
        document["stored"][0]["positions"].clone()
    };
    let part = serde_json::json!([3, 4]);
    let split = ["--split", "3", "--node", "2"];
    assert_eq!(positions(&bind(&[&["all", "--tpm2", "--pcrs", "16"], &split[..]].concat())), part);
    // While it opens, what it holds is what it holds.
    assert_eq!(positions(&bind(&[&["--rebind", "all"], &split[..]].concat())), serde_json::json!([1, 2]));
    tpm.extend(16);
    let refused = bind(&["--rebind", "all"]);
    assert!(text(&refused).contains("holds 2 shares, and 5 would take their place"), "{}", text(&refused));
    assert_eq!(positions(&bind(&[&["--rebind", "all"], &split[..]].concat())), part);
    tpm.extend(16);
    assert_eq!(positions(&bind(&["--rebind", "all", "--only", "3,4"])), part);
}

#[test]
fn what_a_person_reads() {
    let tpm = Swtpm::start();
    tpm.extend(7);
    let home = Home::new();
    home.put("init.json", &lines(&shares_of_nobody(5, 3)));
    let arguments =
        ["init.json", "--tpm2", "--pcrs", "7", "--output", "shares.tpm2", "--threshold", "3", "--shred"];
    let output = run(enroll(&home, &arguments).args(["--tcti", &tpm.tcti()]));
    let said = text(&output).replace(&tpm.port().to_string(), "PORT");
    crate::is_as_in("tpm2.txt", &home, &said);
}
