//! From the start of the process to its first bytes at a server.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use super::ground::Ground;
use super::options::Options;
use super::table::{DAEMON, Table, Unit};

/// Of a start, in ms.
const LIMIT: f64 = 10.0;

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let ground = Ground::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let node = [format!("https://{}", listener.local_addr().unwrap())];
    let times: Vec<f64> = (0..options.n)
        .map(|_| {
            let started = Instant::now();
            let daemon = ground.daemon(&node, "");
            let (mut socket, _) = listener.accept().unwrap();
            socket.read_exact(&mut [0]).unwrap();
            let time = started.elapsed().as_secs_f64() * 1e3;
            drop(daemon);
            time
        })
        .collect();
    table.sample("start to first request", DAEMON, &times, Unit::Milliseconds, Some(LIMIT));
}
