//! Ten thousand changes between two looks, of a daemon that says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::stage::{notify, resident};
use crate::support::home::Home;
use crate::support::http::read_head;
use crate::support::receiver::{Manner, Receiver, Request};
use crate::support::{PATIENCE, poll};

const NODES: u64 = 1000;

/// What the daemon was asked for, and whether nothing changes any more.
#[derive(Debug, Default)]
struct Changes {
    /// Until it is calm.
    looks: u64,
    calm: bool,
    calm_looks: u64,
}

/// In the daemon's place: between two looks each server seals itself ten times, and ends up sealed or unsealed in turn. When
/// it is calm every second one is sealed.
fn restless(home: &Home) -> Arc<Mutex<Changes>> {
    let listener = UnixListener::bind(home.make_run().join("observe.sock")).unwrap();
    let changes = Arc::new(Mutex::new(Changes::default()));
    let of_thread = Arc::clone(&changes);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (look, turn) = {
                let mut changes = of_thread.lock().unwrap();
                *(if changes.calm { &mut changes.calm_looks } else { &mut changes.looks }) += 1;
                (changes.looks, if changes.calm { 0 } else { changes.looks })
            };
            read_head(&mut BufReader::new(&stream)).unwrap();
            let body = snapshot(look, turn);
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = write!(stream, "{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        }
    });
    changes
}

fn snapshot(look: u64, turn: u64) -> String {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut nodes = String::new();
    for node in 0..NODES {
        let state = if (node + turn) % 2 == 0 {
            r#""state":"unsealed","role":"active","sealed":false"#
        } else {
            r#""state":"sealed","sealed":true"#
        };
        let _ = write!(
            nodes,
            r#"{}{{"cluster":"home","address":"https://vault-{node:04}:8200","event":1,"up":true,"last_confirmed":{at}.0,{state},
            "counters":{{"unseal_attempts":{{"unsealed":0,"refused":0,"disturbed":0,"error":0}},"restarts":0,"operator_seals":0,"self_seals":{},"holds":0}}}}"#,
            if node == 0 { "" } else { "," },
            look * 10
        );
    }
    format!(
        r#"{{"schema":1,"instance":"a","version":"1","started_at":1.0,"at":{at}.0,"event":{},"reload_refused":false,"nodes":[{nodes}],"clusters":[]}}"#,
        look * 10 * NODES
    )
}

/// How many entries of each kind messages have, with those that they leave out; a message has entries of one kind here.
fn counted(messages: &[Request]) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for message in messages {
        let json = message.json();
        let entries = json["entries"].as_array().unwrap();
        assert!(entries.len() <= 50 && message.body.len() < 64 * 1024, "{} entries", entries.len());
        let kind = entries[0]["kind"].as_str().unwrap().to_owned();
        *kinds.entry(kind).or_default() += entries.len() as u64 + json["more"].as_u64().unwrap();
    }
    kinds
}

#[test]
fn ten_thousand_changes_a_look_are_a_few_messages_and_in_the_end_all_know_what_is_so() {
    let home = Home::new();
    let changes = restless(&home);
    let [sealed, seals, late] = ["sealed", "seals", "late"].map(|_| Receiver::start(Manner::Answers(200)));
    late.now(Manner::Answers(500));
    let target = |name: &str, receiver: &Receiver, more: &str| {
        let url = home.put(&format!("{name}.url"), receiver.url());
        format!("[[notify]]\nname = \"{name}\"\n{more}\nwebhook = {{ url = {{ file = {url:?} }} }}\n")
    };
    let began = Instant::now();
    let mut notifier = notify(
        &home,
        &(target("sealed", &sealed, "events = [\"sealed\"]\nafter = \"5s\"\nbatch = \"1s\"")
            + &target("seals", &seals, "events = [\"self-seal\"]")
            + &target("late", &late, "events = [\"sealed\"]\nafter = \"5s\"\nbatch = \"1s\"")),
    );
    let looked = |wanted: u64| {
        poll(PATIENCE * 4, || (changes.lock().unwrap().looks >= wanted).then_some(())).expect("looks");
    };
    looked(20);
    // Of an executable that is not optimised.
    assert!(resident(notifier.pid()) < 40 * 1024, "{} kB", resident(notifier.pid()));
    // Who is sealed at every second look is down all the time, and told once.
    let told = sealed.rest();
    assert_eq!(counted(&told), [("problem".to_owned(), NODES)].into());
    assert!(told.len() <= 3, "{} messages", told.len());
    // What happened is told no more often than once a batch.
    let mut of_seals = seals.rest();
    assert!(of_seals.len() as u64 <= began.elapsed().as_secs() / 5 + 1, "{} messages", of_seals.len());
    counted(&of_seals);

    let last = {
        let mut changes = changes.lock().unwrap();
        changes.calm = true;
        changes.looks
    };
    late.rest();
    late.now(Manner::Answers(200));
    // Each is told what is so then, and nothing afterwards.
    assert_eq!(counted(&[sealed.next()]), [("over".to_owned(), NODES / 2)].into());
    let told = late.wait_for(|message| message.json()["more"] == NODES / 2 - 50);
    assert_eq!(counted(std::slice::from_ref(&told)), [("problem".to_owned(), NODES / 2)].into());
    assert_eq!(told.json()["entries"][0]["node"], "https://vault-0001:8200");
    // Every time that the first server sealed itself since the first look, whatever was told when.
    let times = |message: &Request| {
        let detail = message.json()["entries"][0]["detail"].as_str().unwrap().to_owned();
        detail.strip_suffix(" times").unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let all = (last - 1) * 10;
    poll(PATIENCE, || {
        of_seals.extend(seals.rest());
        (of_seals.iter().map(times).sum::<u64>() >= all).then_some(())
    })
    .expect("they are told");
    assert_eq!(of_seals.iter().map(times).sum::<u64>(), all);
    // What is told of a look is told before the next one but one.
    let looks = || changes.lock().unwrap().calm_looks;
    let seen = looks();
    poll(PATIENCE, || (looks() > seen + 3).then_some(())).expect("it looks on");
    notifier.terminate();
    assert!(notifier.exit_status(PATIENCE).success());
    assert!(sealed.rest().is_empty() && seals.rest().is_empty() && late.rest().is_empty());
    // What it remembers is what is so.
    let kept: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(home.path("state/told.json")).unwrap()).unwrap();
    for name in ["sealed", "late"] {
        assert_eq!(kept["targets"][name]["told"].as_array().unwrap().len() as u64, NODES / 2, "{name}");
    }
}
