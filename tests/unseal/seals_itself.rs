//! Servers that seal themselves right after each unsealing, because a lease in their storage is damaged, and operators who
//! seal: as quick as that, or later.

use std::thread::sleep;

use serde_json::Value;

use crate::support::home::Home;
use crate::support::process::{Daemon, run};
use crate::support::server::{Ability, Builder, Init, LASTING_UNSEAL, Server, cannot, is_active, is_sealed};

/// A server that has lasted unsealed for a while, and the daemon that unsealed it.
fn unsealed(more: &str) -> (Server, Init, Home, Daemon) {
    let server = Builder::new().raw_storage().start();
    let init = server.init(3, 2);
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&server.url()], more);
    home.make_run();
    let mut daemon = Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")));
    daemon.wait_for_line(": unsealed (active)");
    sleep(LASTING_UNSEAL);
    (server, init, home, daemon)
}

/// The verbs that speak to the daemon there.
fn told(home: &Home, arguments: &[&str]) -> String {
    let mut command = home.command(arguments);
    let output = run(command.arg("--socket").arg(home.path("run/control.sock")));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn server_with_a_damaged_lease_is_said_to_seal_itself_under_both_policies() {
    if cannot(Ability::Administration) {
        return;
    }
    for policy in ["unseal", "hold"] {
        let more = format!("on_operator_seal = \"{policy}\"\nslow_interval = \"30s\"");
        let (mut server, init, home, mut daemon) = unsealed(&more);
        // It is read at the next unsealing.
        server.damage_lease(&init.root_token);
        server.kill();
        daemon.wait_for_line("unreachable");
        server.start();
        let url = server.url();
        let first = daemon.wait_for_line(": seals-itself (sealed itself ").text;
        assert!(first.contains("WARN ") && !first.contains("again"), "{first}");
        assert!(
            first.contains(" s after it was unsealed). Look at its log for \"core: shutting down\""),
            "{first}"
        );
        assert!(first.ends_with(&format!("To keep it sealed: vault-unseal hold {url}")), "{first}");
        let again = daemon.wait_for_line(": seals-itself (sealed itself again ").text;
        assert!(again.contains(", 2 times in "), "{again}");
        assert!(daemon.wait_for_line(", 5 times in ").text.contains("WARN "));
        assert!(server.log().contains("core: shutting down"), "{}", server.log_tail());

        let output = daemon.output();
        assert!(!output.contains("held"), "{output}");
        assert!(!output.contains("operator"), "{output}");
        let lines = output.lines().skip_while(|line| !line.contains("seals-itself")).count();
        assert_eq!(lines, 3, "the first, the second, the fifth:\n{output}");
        let node: Value = serde_json::from_str(&told(&home, &["status", "--json"])).unwrap();
        assert_eq!(node["nodes"][0]["state"], "seals-itself", "{node}");
        assert!(told(&home, &["status"]).contains("times in"), "{}", told(&home, &["status"]));

        // As the message says.
        told(&home, &["hold", &url]);
        daemon.wait_for_line("held (on request; it is sealed)");
        assert!(is_sealed(&server.health()));
    }
}

#[test]
fn restart_of_a_server_that_seals_itself_is_answered_at_once() {
    if cannot(Ability::Administration) {
        return;
    }
    let (mut server, init, home, mut daemon) = unsealed("slow_interval = \"1h\"");
    server.damage_lease(&init.root_token);
    server.seal(&init.root_token);
    // Eight pauses, the last of which is longer than a minute.
    daemon.wait_for_line(", 5 times in ");
    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line(": unsealed");
    let line = daemon.wait_for_line(": seals-itself (sealed itself ").text;
    assert!(!line.contains("again"), "counted anew: {line}");
    let node: Value = serde_json::from_str(&told(&home, &["status", "--json"])).unwrap();
    assert_eq!(node["nodes"][0]["state"], "seals-itself", "{node}");
}

#[test]
fn operators_seal_is_undone_and_the_command_that_holds_it_is_said() {
    let (server, init, _home, mut daemon) = unsealed("");
    server.seal(&init.root_token);
    let line = daemon.wait_for_line("an operator sealed it").text;
    let url = server.url();
    let said = format!(
        "{url}: an operator sealed it; it is unsealed again. To keep it sealed: vault-unseal hold {url}"
    );
    assert!(line.ends_with(&said), "{line}");
    assert!(line.contains("WARN "), "{line}");
    server.wait_until(is_active);
}

#[test]
fn operator_who_seals_right_after_an_unsealing_counts_as_the_server_under_both_policies() {
    for policy in ["unseal", "hold"] {
        let (mut server, init, home, mut daemon) = unsealed(&format!("on_operator_seal = \"{policy}\""));
        server.kill();
        daemon.wait_for_line("unreachable");
        server.start();
        server.wait_until(is_active);
        server.seal(&init.root_token);
        let line = daemon.wait_for_line(": seals-itself (sealed itself ").text;
        assert!(line.ends_with(&format!("To keep it sealed: vault-unseal hold {}", server.url())), "{line}");
        server.wait_until(is_active);
        daemon.wait_for_line(": unsealed (active)");
        assert!(!daemon.output().contains("held"), "{}", daemon.output());

        // Once it has lasted, an operator's seal is one again.
        server.seal(&init.root_token);
        daemon.wait_for_line(if policy == "hold" {
            "held (an operator sealed it)"
        } else {
            "an operator sealed it; it is"
        });
        drop(home);
    }
}
