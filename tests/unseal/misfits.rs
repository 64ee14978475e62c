//! Shares that cannot be the server's, by what their source says or by their number: none of them leaves the machine.

use crate::support::home::{Home, cluster, lines};
use crate::support::hostile::{HEALTH, Hostile};
use crate::support::server::{Server, is_active, is_sealed};

/// A sealed server behind a proxy that keeps what is submitted to it.
fn watched(shares: usize, threshold: usize) -> (Server, crate::support::server::Init, Hostile) {
    let server = Server::start_plain();
    let init = server.init(shares, threshold);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    (server, init, proxy)
}

fn kinds(home: &Home) -> String {
    let output = home.command(&["check", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_file_of_another_server_gives_nothing_away_and_the_right_one_is_tried_at_once() {
    let (server, right, proxy) = watched(3, 2);
    let (other, wrong) = {
        let other = Server::start_plain();
        let init = other.init(5, 3);
        (other, init)
    };
    let home = Home::of_hostile(&proxy, &wrong.json);
    let mut daemon = home.run();
    let line = daemon
        .wait_for_line(
            "shares-rejected (the shares are of a server with 5 shares, threshold 3; this one has 3 shares, threshold 2)",
        )
        .text;
    assert!(line.contains("none of them is submitted"), "{line}");
    // Enough looks for a second try, at the quick pace of the tests.
    proxy.wait_for_more(HEALTH, 5);
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    assert!(is_sealed(&server.health()) && is_sealed(&other.health()));
    let found = kinds(&home);
    assert!(found.contains("\"kind\":\"shares-of-another-scheme\""), "{found}");

    home.shares(&right.json);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn more_shares_than_the_server_has_are_not_offered_to_it() {
    let (server, right, proxy) = watched(3, 2);
    let other = Server::start_plain().init(3, 2);
    // Two of each: a pot of everything that was found in drawers. The same x twice would be refused before.
    let (mut mixed, taken) = (right.keys_hex.clone(), |key: &String| key[64..].to_owned());
    mixed.extend(
        other
            .keys_hex
            .iter()
            .filter(|key| right.keys_hex.iter().all(|ours| taken(ours) != taken(key)))
            .cloned(),
    );
    assert!(mixed.len() > 3, "three of the other's with the x of ours: one in two million");
    let home = Home::of_hostile(&proxy, &lines(&mixed));
    let mut daemon = home.run();
    daemon.wait_for_line("shares are held, but the server was given only 3)");
    proxy.wait_for_more(HEALTH, 5);
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    let found = kinds(&home);
    assert!(found.contains("\"kind\":\"too-many-shares\""), "{found}");

    home.shares(&lines(&right.keys_hex));
    server.wait_until(is_active);
}

#[test]
fn a_part_that_knows_of_the_whole_is_submitted() {
    let (server, init, proxy) = watched(5, 3);
    let home = Home::of_hostile(&proxy, &init.json);
    let split = home
        .command(&[
            "enroll", "shares", "--split", "3", "--node", "1", "--plain", "--output", "mine", "--keep",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&split.stderr).into_owned();
    let mine = std::fs::read_to_string(home.path("mine")).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(mine.contains("\"unseal_shares\": 5") && mine.contains("\"unseal_threshold\": 3"), "{said}");
    let home = Home::of_hostile(&proxy, &mine);
    let mut daemon = home.run();
    daemon.wait_for_line("waiting-for-peers");
    assert!(server.seal_status()["progress"].as_u64() >= Some(1));
    assert!(!proxy.submissions().is_empty());
}

#[test]
fn two_clusters_with_the_same_shares_are_warned_about_at_every_start() {
    let (first, init, _proxy) = watched(1, 1);
    let second = Server::start_plain();
    let home = Home::new();
    home.shares(&init.json);
    home.config(
        &(cluster(&[&first.url()], "name = \"home\"") + &cluster(&[&second.url()], "name = \"cabin\"")),
    );
    let mut daemon = home.run();
    let line = daemon.wait_for_line("the cluster \"cabin\" has the shares of the cluster \"home\"").text;
    assert!(line.contains("Give each cluster its own"), "{line}");
    let output = home.command(&["check", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"kind\":\"config-shared-source\""), "{text}");
}

#[test]
fn servers_of_one_cluster_that_are_split_otherwise_are_found() {
    let (one, right, _) = watched(3, 2);
    let (two, _, _) = watched(3, 2);
    let (other, _, _) = watched(5, 3);
    // A plain list does not say of how many shares a server needs how many: the servers do.
    let home = Home::new();
    home.shares(&lines(&right.keys_hex));
    home.configure(&[&one.url(), &two.url()], "");
    let differs = "\"kind\":\"schemes-differ\"";
    let output = home.command(&["check", "--json"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains(differs), "{output:?}");
    home.configure(&[&one.url(), &two.url(), &other.url()], "");
    let found = kinds(&home);
    assert_eq!(found.matches(differs).count(), 1, "{found}");
    let words = format!(
        "it has 5 shares, threshold 3, and {} has 3 shares, threshold 2: they are not servers of one cluster",
        one.url()
    );
    assert!(found.contains(&words), "{found}");
    assert!(found.contains(&format!("\"subject\":\"{}\"", other.url())), "{found}");
}
