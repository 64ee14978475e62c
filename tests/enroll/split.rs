//! Split custody: no machine alone, any two together.

use serde_json::json;

use crate::support::home::{Home, cluster};
use crate::support::process::{Daemon, run};
use crate::support::server::{Server, is_active};
use crate::{bytes, document, enroll, files, stored};

#[test]
fn any_two_of_three_machines_bring_back_a_real_server_and_none_does_alone() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let admin = Home::new();
    admin.put("init.json", &init.json);
    let document =
        document(&mut enroll(&admin, &["init.json", "--split", "3", "--keep", "--nodes", &server.url()]));
    assert_eq!(
        (&document["threshold"], &document["coalition"]),
        (&json!(3), &json!(2)),
        "the server said so"
    );
    assert_eq!(files(admin.directory()), ["init.json", "shares-1.json", "shares-2.json", "shares-3.json"]);

    let machine = |number: usize| {
        let home = Home::new();
        std::fs::copy(admin.path(&format!("shares-{number}.json")), home.path("shares")).unwrap();
        home.config(&cluster(&[&server.url()], ""));
        home
    };
    for (one, other) in [(1, 2), (2, 3), (1, 3)] {
        let homes = [machine(one), machine(other)];
        let mut first: Daemon = homes[0].run();
        first.wait_for_line("waiting-for-peers");
        let seal = server.seal_status();
        assert_eq!((&seal["sealed"], &seal["progress"]), (&json!(true), &json!(2)));
        let mut second = homes[1].run();
        server.wait_until(is_active);
        for daemon in [&mut first, &mut second] {
            daemon.terminate();
            daemon.exit_status(crate::support::PATIENCE);
        }
        server.seal(&init.root_token);
    }
}

#[test]
fn a_machine_writes_its_own_part_alone() {
    let home = Home::new();
    let shares = crate::support::home::shares_of_nobody(5, 3);
    home.put("init.json", &crate::support::home::lines(&shares));
    let split = ["init.json", "--split", "3", "--threshold", "3", "--keep"];
    let all = document(&mut enroll(&home, &split));
    for (node, entry) in (1..=3).zip(all["stored"].as_array().unwrap()) {
        let output = format!("node{node}");
        let mut command = enroll(&home, &split);
        let number = node.to_string();
        let alone = document(command.args(["--node", &number, "--plain", "--output", &output]));
        assert_eq!(alone["stored"][0]["positions"], entry["positions"]);
        assert_eq!(stored(&home.path(&output)), stored(&home.path(&format!("shares-{node}.json"))));
        let positions = entry["positions"].as_array().unwrap();
        let expected: Vec<String> = positions
            .iter()
            .map(|at| shares[usize::try_from(at.as_u64().unwrap()).unwrap() - 1].clone())
            .collect();
        assert_eq!(stored(&home.path(&output)), bytes(&expected));
        assert!(positions.len() < 3);
    }
}

#[test]
fn what_a_person_reads() {
    let home = Home::new();
    home.put("init.json", &crate::support::home::lines(&crate::support::home::shares_of_nobody(5, 3)));
    let output = run(&mut enroll(&home, &["init.json", "--split", "3", "--threshold", "3"]));
    crate::is_as_in("split.txt", &home, &crate::text(&output));
}
