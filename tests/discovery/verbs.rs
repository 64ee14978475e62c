//! The verbs over nodes that are found.

use std::process::Output;

use crate::place::{Place, path};
use crate::support::process::Daemon;
use crate::support::server::is_active;

const NAME: &str = "dns+https://vault.test:8200";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn status_shows_what_only_the_daemon_still_knows() {
    let Some(place) = Place::new() else { return };
    let [mut one, mut two] = [1, 2].map(|last| place.server(last, 8200, "vault.test"));
    place.initialise(&mut [&mut one, &mut two]);
    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2"]);
    // Its cluster is not the last one.
    let shares = "shares = { file = \"shares\" }";
    let more = format!(
        "name = \"home\"\n{shares}\ntls = {{ ca_file = \"ca.crt\" }}\n\
         [[cluster]]\nname = \"other\"\nnodes = [\"https://127.0.0.1:1\"]\n{shares}"
    );
    place.configure(&[NAME], &more);
    let mut daemon = place.run();
    one.wait_until(is_active);
    two.wait_until(is_active);
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    daemon.wait_for_line("no longer in DNS");

    let shown = text(&place.verb(&["status", "--socket", path(&place.socket())]));
    let line = |host: &str| shown.lines().find(|line| line.contains(host)).unwrap_or_default().to_owned();
    assert!(line("127.0.1.2").contains("unsealed (active), not in DNS"), "{shown}");
    assert!(!line("127.0.1.1").contains("not in DNS"), "{shown}");
    let heads = shown.lines().filter(|line| line.ends_with(':')).collect::<Vec<_>>();
    assert_eq!(heads, ["home:", "other:"], "{shown}");
    let status = place.status();
    let missing = status["nodes"].as_array().unwrap().iter().find(|node| node["in_dns"] == false).unwrap();
    assert_eq!((&missing["address"], &missing["found_by"]), (&"https://127.0.1.2:8200".into(), &NAME.into()));
    assert_eq!(missing["tls_verified"], true);

    // Without the daemon's word nobody knows of it.
    let alone = text(&place.verb(&["status", "--socket", "/nowhere"]));
    assert!(!alone.contains("127.0.1.2"), "{alone}");

    // By address, or all that a name stands for.
    let hold = |names: &[&str]| {
        let socket = place.socket();
        text(&place.verb(&[&["hold", "--socket", path(&socket)], names].concat()))
    };
    let held = hold(&["127.0.1.2"]);
    assert!(held.contains("https://127.0.1.2:8200: held") && !held.contains("127.0.1.1"), "{held}");
    let held = hold(&["vault.test"]);
    assert!(
        held.contains("https://127.0.1.1:8200: held") && held.contains("https://127.0.1.2:8200: held"),
        "{held}"
    );
}

#[test]
fn check_says_what_names_stand_for() {
    let Some(place) = Place::new() else { return };
    let mut server = place.server(1, 8200, "vault.test");
    place.initialise(&mut [&mut server]);
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    place.configure(&[NAME], "");
    let good = place.verb(&["check"]);
    let said = text(&good);
    assert!(said.contains("dns+https://vault.test:8200  1 node: https://127.0.1.1:8200"), "{said}");
    assert!(said.contains("sealed, version"), "{said}");
    assert_eq!(good.status.code(), Some(0), "{said}");

    place.dns.remove("vault.test");
    let bad = place.verb(&["check"]);
    let said = text(&bad);
    assert!(said.contains("cannot be resolved") && said.contains("getent ahosts"), "{said}");
    assert_eq!(bad.status.code(), Some(4), "{said}");
}

#[test]
fn wait_waits_for_a_name_and_for_all_that_it_stands_for() {
    let Some(place) = Place::new() else { return };
    let [mut one, mut two] = [1, 2].map(|last| place.server(last, 8200, "vault.test"));
    place.initialise(&mut [&mut one, &mut two]);
    place.configure(&[NAME], "");
    let late = place.verb(&["wait", "--timeout", "1s"]);
    let said = text(&late);
    assert_eq!(late.status.code(), Some(3), "{said}");
    assert!(said.contains("dns+https://vault.test:8200: cannot be resolved"), "{said}");

    let mut command = place.command(&["wait", "--timeout", "1m"]);
    let mut wait = place.namespace.inside(|| Daemon::start(&mut command));
    wait.wait_for_line("cannot be resolved");
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    wait.wait_for_line("https://127.0.1.1:8200: sealed");
    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2"]);
    wait.wait_for_line("https://127.0.1.2:8200: sealed");
    let daemon = place.run();
    assert!(wait.exit_status(crate::support::PATIENCE).success(), "{}", wait.output());
    drop(daemon);
}

#[test]
fn init_will_not_guess_about_servers_whose_names_cannot_be_resolved() {
    let Some(place) = Place::new() else { return };
    let [one, two] = [1, 2].map(|last| place.server(last, 8200, "vault.test"));
    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2"]);
    place.configure(&[NAME], "");
    let init = [
        "init",
        "--plain",
        "--output",
        "new-shares",
        "--shares",
        "1",
        "--threshold",
        "1",
        "--root-token",
        "revoke",
    ];
    let several = text(&place.verb(&init));
    assert!(several.contains("https://127.0.1.1:8200, https://127.0.1.2:8200"), "{several}");
    place.dns.remove("vault.test");
    let none = text(&place.verb(&init));
    assert!(none.contains("cannot be resolved") && none.contains("which servers it stands for"), "{none}");
    drop((one, two));
}
