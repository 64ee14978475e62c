//! The live daemon's memory, as in tests/secrets.

use std::collections::BTreeSet;

use crate::are_root;
use crate::daemon::home;
use crate::needles::Needles;
use crate::support::home::{lines, shares_of_nobody};
use crate::support::hostile::Hostile;
use crate::support::server::{Init, Server};
use crate::support::swtpm::Swtpm;

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

fn forgets(form: impl Fn(&Init) -> String) {
    if !are_root() {
        return;
    }
    let tpm = Swtpm::start();
    let mut server = Server::start_plain();
    let init = server.init(5, 3);
    let needles = Needles::of(&init);
    let home = home(&tpm, &server.url(), &form(&init), Some("7"));
    let mut daemon = home.run();
    for round in 1..=2 {
        daemon.wait_for_line(": unsealed (active)");
        assert_eq!(needles.find_in_process(daemon.pid()), nothing(), "after unsealing it {round} times");
        server.kill();
        daemon.wait_for_line("unreachable");
        server.start();
    }
}

#[test]
fn shares_in_lines_of_hex_are_forgotten() {
    forgets(|init| lines(&init.keys_hex));
}

#[test]
fn shares_in_json_are_forgotten() {
    forgets(|init| init.json.clone());
}

#[test]
fn shares_that_were_opened_to_prove_it_are_forgotten() {
    if !are_root() {
        return;
    }
    let tpm = Swtpm::start();
    let server = Hostile::http();
    let shares = shares_of_nobody(5, 3);
    let home = home(&tpm, &server.url(), &lines(&shares), None);
    let mut daemon = home.run();
    daemon.wait_for_line("the TPM opens");
    assert_eq!(Needles::of_hex(&shares).find_in_process(daemon.pid()), nothing());
}
