//! `vault-unseal check`.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::certs::{Authority, Issued, SIGNS, Validity, self_signed};
use crate::support::home::{Home, cluster, corrupt, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::process::run;
use crate::support::server::{Builder, is_active};
use crate::{Normal, bare, health, is_as_in, says, script, seal};

/// Checks, compares, and looks whether anything was submitted.
fn finds(snapshot: &str, home: &Home, servers: &[&Hostile], expected: i32) {
    let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
    let normal = Normal::default()
        .servers(urls.iter().map(String::as_str))
        .directory(home.directory(), "/etc/vault-unseal");
    let output = run(&mut home.command(&["check"]));
    is_as_in(snapshot, &apart(&normal.output(&output)));
    assert_eq!(output.status.code(), Some(expected), "{snapshot}");
    for server in servers {
        assert_eq!(server.submissions(), [] as [String; 0], "{snapshot}");
    }
}

/// How far apart two clocks are differs by a second from run to run.
fn apart(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if let (Some(start), Some(end)) = (line.find("machine's are "), line.find(" apart")) {
            line.replace_range(start + "machine's are ".len()..end, "DURATION");
        }
    }
    lines.join("\n") + "\n"
}

fn shut() -> Hostile {
    says(&health(true, true, &json!({})), &seal(&json!({})))
}

#[test]
fn a_real_server_and_its_shares_are_good_and_a_root_token_beside_them_is_not() {
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    server.unseal(&init);
    let home = Home::of(&server, &lines(&init.keys_base64));
    let normal = Normal::default()
        .real(&server)
        .servers([server.url().as_str()])
        .directory(home.directory(), "/etc/vault-unseal");
    let good = normal.run(&mut home.command(&["check"]));
    is_as_in("check-good.txt", &good);

    home.shares(&init.json);
    is_as_in("check-root-token.txt", &normal.run(&mut home.command(&["check"])));

    // A sealed server stays sealed.
    home.shares(&lines(&init.keys_hex));
    server.seal(&init.root_token);
    is_as_in("check-sealed.txt", &normal.run(&mut home.command(&["check"])));
    assert_eq!(server.seal_status()["progress"], 0);
}

#[test]
fn a_real_server_that_unseals_itself_is_not_ours() {
    let server = Builder::new().unseals_itself().start();
    let init = server.init_recovery(3, 2);
    server.wait_until(is_active);
    server.seal(&init.root_token);
    let home = Home::of(&server, &lines(&init.keys_hex));
    let normal = Normal::default()
        .real(&server)
        .servers([server.url().as_str()])
        .directory(home.directory(), "/etc/vault-unseal");
    // Vault does not tell which.
    let text = normal.run(&mut home.command(&["check"]));
    is_as_in("check-foreign.txt", &text.replace("foreign-seal (static)", "foreign-seal"));
}

#[test]
fn how_the_shares_fit() {
    let server = shut();
    let mut five = shares_of_nobody(5, 3);
    let home = Home::of_hostile(&server, &lines(&five));
    finds("check-shares-fit.txt", &home, &[&server], 0);

    home.shares(&lines(&five[..2]));
    finds("check-too-few.txt", &home, &[&server], 0);

    home.shares(&lines(&shares_of_nobody(6, 3)));
    finds("check-too-many.txt", &home, &[&server], 4);

    home.shares(&lines(&shares_of_nobody(1, 1)));
    finds("check-key-of-one.txt", &home, &[&server], 4);

    home.shares(&lines(&shares_of_nobody(5, 4)));
    finds("check-another-threshold.txt", &home, &[&server], 0);

    five[1] = corrupt(&five[1]);
    home.shares(&lines(&five));
    finds("check-corrupt.txt", &home, &[&server], 0);

    home.shares(&lines(&five[..4]));
    finds("check-ambiguous.txt", &home, &[&server], 0);
}

#[test]
fn what_is_wrong_with_the_share_file() {
    let server = shut();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(5, 3)));
    home.chmod("shares", 0o644);
    finds("check-mode.txt", &home, &[&server], 4);
    std::fs::remove_file(home.path("shares")).unwrap();
    finds("check-missing.txt", &home, &[&server], 4);
}

/// One machine with enough for several servers.
#[test]
fn full_custody_of_several_servers_is_a_warning() {
    let servers = [shut(), shut(), shut()];
    let all: Vec<&Hostile> = servers.iter().collect();
    let urls: Vec<String> = servers.iter().map(Hostile::url).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let home = Home::new();
    let five = shares_of_nobody(5, 3);
    home.shares(&lines(&five));
    home.configure(&urls, "");
    finds("check-full-custody.txt", &home, &all, 0);

    home.shares(&lines(&five[..2]));
    finds("check-split-custody.txt", &home, &all, 0);

    // Whether one share is enough is the server's to say.
    for server in &servers {
        script(server, &health(true, true, &json!({})), &seal(&json!({"t": 1, "n": 1})));
    }
    home.shares(&lines(&shares_of_nobody(1, 1)));
    finds("check-full-custody-of-one.txt", &home, &all, 0);
}

#[test]
fn a_certificate_that_ends_soon() {
    let authority = Authority::new("Private CA");
    let server = Hostile::tls(&authority.issue(&["127.0.0.1"], Validity::EndsSoon));
    script(&server, &health(true, true, &json!({})), &seal(&json!({})));
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(5, 3)));
    home.put("ca.crt", &authority.pem());
    home.configure(&[&server.url()], "tls = { ca_file = \"ca.crt\" }");
    finds("check-certificate-ends-soon.txt", &home, &[&server], 0);
}

/// The kinds that `check` finds of a server with this certificate where these authorities are trusted.
fn kinds(certificate: &Issued, trusted: &[String]) -> Vec<(String, String)> {
    let server = Hostile::tls(certificate);
    script(&server, &health(true, true, &json!({})), &seal(&json!({})));
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(5, 3)));
    home.put("ca.crt", &trusted.concat());
    home.configure(&[&server.url()], "tls = { ca_file = \"ca.crt\" }");
    let output = run(&mut home.command(&["check", "--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    let findings = document["findings"].as_array().unwrap().iter();
    let told = findings.filter(|finding| finding["severity"] != "ok");
    told.map(|finding| (word(finding, "severity"), word(finding, "kind"))).collect()
}

fn warning(kind: &str) -> Vec<(String, String)> {
    vec![("warning".to_owned(), kind.to_owned())]
}

#[test]
fn certificate_in_the_last_quarter_of_its_lifetime_and_its_last_60_days_is_a_warning() {
    let authority = Authority::new("Private CA");
    // Of 72 hours, renewed 24 before the end.
    for (validity, warned) in [
        (Validity::Hours(0, 72), false),
        (Validity::Hours(48, 24), false),
        (Validity::Hours(53, 19), false),
        (Validity::Hours(55, 17), true),
        (Validity::Hours(71, 1), true),
        (Validity::Hours(75 * 24, 26 * 24), false),
        (Validity::Hours(77 * 24, 24 * 24), true),
        // Of ten years.
        (Validity::Hours(9 * 365 * 24, 365 * 24), false),
        (Validity::Hours(3589 * 24, 61 * 24), false),
        (Validity::Hours(3591 * 24, 59 * 24), true),
    ] {
        let expected = if warned { warning("certificate-expires-soon") } else { Vec::new() };
        let signed = authority.issue(&["127.0.0.1"], validity);
        assert_eq!(kinds(&signed, &[authority.pem()]), expected, "{validity:?}");
        // Nobody vouches for one that is named itself.
        let own = self_signed(&["127.0.0.1"], validity);
        assert_eq!(kinds(&own, std::slice::from_ref(&own.chain_pem)), expected, "{validity:?}");
    }
}

#[test]
fn issuer_that_ends_within_30_days_is_a_warning() {
    let (soon, later) = (Validity::Hours(24, 29 * 24), Validity::Hours(24, 31 * 24));
    let host = &["127.0.0.1"];
    let root = Authority::new("Root");
    let sent = |validity| root.intermediate_made("Issuing CA", validity, SIGNS).issue(host, Validity::Now);
    assert_eq!(kinds(&sent(soon), &[root.pem()]), warning("issuer-expires-soon"));
    assert_eq!(kinds(&sent(later), &[root.pem()]), []);
    let own = root.issue(host, Validity::Now);
    let anchor = |validity| root.renewed("Root", validity).pem();
    assert_eq!(kinds(&own, &[anchor(soon)]), warning("issuer-expires-soon"));
    assert_eq!(kinds(&own, &[anchor(later)]), []);
    // One that takes its place is there already.
    assert_eq!(kinds(&own, &[anchor(soon), anchor(later)]), []);
    assert_eq!(kinds(&own, &[anchor(Validity::Expired), anchor(later)]), []);
    // What has ended is a problem, and is not told twice.
    let ended = vec![("problem".to_owned(), "issuer-expired".to_owned())];
    let found = kinds(&own, &[anchor(Validity::Expired)]);
    assert_eq!(found.iter().filter(|(_, kind)| kind.contains("expire")).cloned().collect::<Vec<_>>(), ended);
    let own = root.issue(host, Validity::Expired);
    let found = kinds(&own, &[anchor(soon)]);
    let ended = vec![("problem".to_owned(), "certificate-expired".to_owned())];
    assert_eq!(found.iter().filter(|(_, kind)| kind.contains("expire")).cloned().collect::<Vec<_>>(), ended);
}

#[test]
fn issuer_of_several_servers_is_told_once() {
    let authority = Authority::made("Private CA", Validity::EndsSoon, SIGNS);
    let servers = [(); 2].map(|()| Hostile::tls(&authority.issue(&["127.0.0.1"], Validity::Now)));
    for server in &servers {
        script(server, &health(true, true, &json!({})), &seal(&json!({})));
    }
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 3)));
    // One that has ended already, or ends sooner, is not what they are believed for.
    let ended = authority.renewed("Private CA", Validity::Expired).pem();
    let sooner = authority.renewed("Private CA", Validity::Hours(24, 24)).pem();
    home.put("ca.crt", &(ended + &authority.pem() + &sooner));
    home.configure(&[&servers[0].url(), &servers[1].url()], "tls = { ca_file = \"ca.crt\" }");
    finds("check-issuer-ends-soon.txt", &home, &[&servers[0], &servers[1]], 0);
    let said = String::from_utf8(run(&mut home.command(&["check"])).stdout).unwrap();
    let week = std::time::Duration::from_secs(7 * 24 * 3600);
    let day = humantime::format_rfc3339_seconds(SystemTime::now() + week).to_string();
    assert!(said.contains(&day[..10]), "{said}");
}

#[test]
fn a_clock_that_is_off() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let server = says(&health(true, true, &json!({"server_time_utc": now - 3600})), &seal(&json!({})));
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(5, 3)));
    finds("check-clock.txt", &home, &[&server], 0);
    let server = says(&health(true, true, &json!({"server_time_utc": now})), &seal(&json!({})));
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(5, 3)));
    assert!(!String::from_utf8_lossy(&run(&mut home.command(&["check"])).stdout).contains("clock"));
}

#[test]
fn servers_that_cannot_be_unsealed_are_problems() {
    let servers = [
        says(&health(false, true, &json!({})), &bare()),
        says(&health(true, true, &json!({})), &seal(&json!({"migration": true}))),
        says(&health(true, true, &json!({"removed_from_cluster": true})), &json!({})),
        Hostile::http(),
    ];
    servers[3].on(HEALTH, [Behaviour::proxy_503()]);
    let urls: Vec<String> = servers.iter().map(Hostile::url).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(5, 3)));
    home.configure(&urls, "");
    finds("check-servers.txt", &home, &servers.iter().collect::<Vec<_>>(), 4);
}

#[test]
fn several_clusters_are_told_apart() {
    let (one, two) = (shut(), shut());
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(5, 3)));
    home.put("key", &lines(&shares_of_nobody(2, 3)));
    home.config(
        &(cluster(&[&one.url()], "name = \"home\"")
            + &cluster(&[&two.url()], "name = \"cabin\"\nshares = { file = \"key\" }")),
    );
    finds("check-clusters.txt", &home, &[&one, &two], 0);
}

/// Each under a name of its own, as a copied file leaves them.
#[test]
fn same_shares_of_two_clusters_are_a_warning() {
    let (one, two) = (shut(), shut());
    let home = Home::new();
    let shares = shares_of_nobody(5, 3);
    home.shares(&lines(&shares));
    let turned: Vec<String> = shares.iter().rev().cloned().collect();
    home.put("copy", &lines(&turned));
    home.config(
        &(cluster(&[&one.url()], "name = \"home\"")
            + &cluster(&[&two.url()], "name = \"cabin\"\nshares = { file = \"copy\" }")),
    );
    let output = run(&mut home.command(&["check", "--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let same: Vec<_> = findings.iter().filter(|finding| finding["kind"] == "same-shares").collect();
    assert_eq!(same.len(), 1, "{document:#}");
    assert_eq!(same[0]["subject"], "cabin: shares");
    assert!(same[0]["message"].as_str().unwrap().contains("those of the cluster \"home\""), "{document:#}");
}

#[test]
fn a_configuration_that_is_wrong() {
    let server = shut();
    let home = Home::of_hostile(&server, "");
    home.configure(&[&server.url()], "polling_interval = \"1s\"");
    finds("check-configuration.txt", &home, &[&server], 78);
}

#[test]
fn findings_in_json() {
    let server = shut();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(6, 3)));
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]).directory(home.directory(), "/etc/vault-unseal");
    let output = run(&mut home.command(&["check", "--json"]));
    assert_eq!(output.status.code(), Some(4));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    is_as_in("check.json", &normal.text(&(serde_json::to_string_pretty(&document).unwrap() + "\n")));
}

/// A filter of system calls (seccomp(2)) that refuses `PR_SET_DUMPABLE`, and then the program that is named.
const REFUSING: &str = "my $call = 0 + shift; \
    my $filter = pack('SCCL' x 6, 0x20,0,0,0, 0x15,0,3,$call, 0x20,0,0,16, 0x15,0,1,4, 6,0,0,0x50001, 6,0,0,0x7fff0000); \
    syscall($call, 38, 1, 0, 0, 0) == 0 or die; \
    syscall($call, 22, 2, pack('Sx![P]P', 6, $filter)) == 0 or die; \
    exec { $ARGV[0] } @ARGV or die";

#[test]
fn memory_that_cannot_be_protected_is_a_warning() {
    let call = match std::env::consts::ARCH {
        "x86_64" => "157",
        "aarch64" => "167",
        "arm" => "172",
        other => {
            crate::support::untested(&format!("the number of prctl(2) on {other} is not known here"));
            return;
        }
    };
    let server = says(&health(true, false, &json!({})), &json!({}));
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(3, 2)));
    let refused = |verb: &[&str]| {
        let command = home.command(verb);
        let mut perl = Command::new("/usr/bin/perl");
        perl.args(["-e", REFUSING, call]).arg(command.get_program()).args(command.get_args()).env_clear();
        run(perl.current_dir(home.directory()))
    };
    let output = refused(&["check", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    let found = findings.iter().find(|found| found["kind"] == "memory-unprotected").expect("it is found");
    assert_eq!((&found["severity"], &found["subject"]), (&json!("warning"), &json!("this process")));
    assert_eq!(
        found["message"],
        "the kernel does not let this process protect its memory: Operation not permitted (os error 1)"
    );
    assert_eq!(output.status.code(), Some(0), "a warning keeps no server from being unsealed");
    assert_eq!(refused(&["run"]).status.code(), Some(1), "as the remedy says");
    let output = run(&mut home.command(&["check", "--json"]));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("memory-unprotected"));
}
