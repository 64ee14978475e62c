//! Scrapers that ask and then take their answer slowly, or not at all.

use super::directory;
use super::exporter::Exporter;
use super::http::get;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More than the kernel keeps for a scraper that takes nothing.
const LONG: usize = 8 * 1024 * 1024;
/// For how long an answer is given to others, too.
const FRESH: Duration = Duration::from_secs(1);
/// Half of them take a byte a second, the others none.
const TAKERS: usize = 12;

/// In the place of a daemon of thousands of servers: each answer begins with its number.
fn daemon_of_many(directory: &Path) {
    let listener = UnixListener::bind(directory.join("observe.sock")).unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut reader = BufReader::new(stream);
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
            let mut body = format!("read {number}\n");
            body += &"a 1\n".repeat((LONG - body.len()) / 4);
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = write!(reader.get_mut(), "{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        }
    });
}

/// How many sockets a process has open.
fn sockets(pid: u32) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// Resident memory of a process, in MiB.
fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// What another scraper is served meanwhile: the number of its answer, which is whole.
fn scrape(exporter: &Exporter) -> u64 {
    let answer = get(exporter.address, "/metrics");
    assert!(answer.status == 200 && answer.body.ends_with("\nvault_unseal_daemon_up 1\n"));
    answer.body.lines().next().unwrap().strip_prefix("read ").unwrap().parse().unwrap()
}

/// Takes a byte a second, if any, and when all were given up the rest: how much there was of its answer.
fn take(mut stream: TcpStream, slowly: bool, over: &AtomicBool) -> usize {
    let mut taken = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if slowly {
            let mut byte = [0];
            let length = stream.read(&mut byte).unwrap_or(0);
            taken.extend_from_slice(&byte[..length]);
        }
        thread::sleep(Duration::from_secs(1));
    }
    // It was broken off: with an end or a reset.
    let _ = stream.read_to_end(&mut taken);
    taken.len()
}

#[test]
fn who_takes_an_answer_slowly_is_given_up_and_others_are_served_meanwhile() {
    let directory = directory();
    daemon_of_many(directory.path());
    let exporter = Exporter::start(directory.path(), "", None);
    let first = scrape(&exporter);
    let at_rest = sockets(exporter.pid());
    let over = Arc::new(AtomicBool::new(false));
    let mut most = 0;
    let takers: Vec<_> = (0..TAKERS)
        .map(|number| {
            let mut stream = TcpStream::connect(exporter.address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream.read_exact(&mut [0; 1]).unwrap();
            let over = Arc::clone(&over);
            let taker = thread::spawn(move || take(stream, number % 2 == 0, &over));
            // The next one is given an answer of its own, if there may be one more.
            thread::sleep(FRESH);
            scrape(&exporter);
            most = most.max(resident(exporter.pid()));
            taker
        })
        .collect();
    // Each of the takers with an answer of its own would be twice as much.
    assert!(most < 112, "{most} MiB");
    assert!(sockets(exporter.pid()) > at_rest, "some are not given up yet");
    let began = Instant::now();
    while sockets(exporter.pid()) > at_rest {
        assert!(began.elapsed() < Duration::from_secs(120), "{} are not given up", sockets(exporter.pid()));
        scrape(&exporter);
        thread::sleep(FRESH);
    }
    over.store(true, Ordering::Relaxed);
    for taker in takers {
        let taken = taker.join().unwrap();
        assert!(taken < LONG, "it was given up");
    }
    let last = scrape(&exporter);
    thread::sleep(FRESH);
    assert!(scrape(&exporter) > last && last > first, "answers are new again");
}
