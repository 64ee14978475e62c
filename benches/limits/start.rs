//! From the start of the process to its first bytes at a server.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use super::ground::Ground;
use super::table::{Table, Unit, median};

const STARTS: usize = 20;

pub(crate) fn measure(table: &mut Table) {
    let ground = Ground::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let node = [format!("https://{}", listener.local_addr().unwrap())];
    let times = (0..STARTS).map(|_| {
        let started = Instant::now();
        let daemon = ground.daemon(&node, "");
        let (mut socket, _) = listener.accept().unwrap();
        socket.read_exact(&mut [0]).unwrap();
        let time = started.elapsed().as_secs_f64() * 1e3;
        drop(daemon);
        time
    });
    table.limited("start to first request, median of 20", median(times.collect()), Unit::Milliseconds, 10.0);
}
