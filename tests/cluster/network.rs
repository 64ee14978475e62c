//! The network under the other tests does what it says: cables, swallowed packets, slow links, servers on nodes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::certs::Authority;
use crate::support::network::{Network, Slow, Swallow, address};
use crate::support::server::{Ability, Builder, cannot, is_active};
use crate::support::{PATIENCE, poll};

const PORT: u16 = 4000;

/// Sends back what it is sent, on a node.
fn echo(network: &Network, node: usize) {
    let address = SocketAddr::new(address(node), PORT);
    let listener = network.node(node).inside(|| TcpListener::bind(address)).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut byte = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut byte) {
                    if stream.write_all(&byte[..length]).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// A new connection from one node to the echo on another, where one is to be had: a busy machine takes its time.
fn reach(network: &Network, from: usize, to: usize) -> TcpStream {
    poll(PATIENCE, || try_to_reach(network, from, to).ok()).unwrap_or_else(|| panic!("{to} from {from}"))
}

/// The same, where none is to be had.
fn try_to_reach(network: &Network, from: usize, to: usize) -> Result<TcpStream, ErrorKind> {
    let address = SocketAddr::new(address(to), PORT);
    let stream =
        network.node(from).inside(|| TcpStream::connect_timeout(&address, Duration::from_millis(300)));
    stream.map_err(|error| error.kind())
}

/// Sends a byte and waits for it.
fn answers(stream: &mut TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).is_ok()
}

#[test]
fn nodes_reach_each_other_unless_a_cable_is_out_or_packets_are_swallowed() {
    let Some(network) = Network::of(3) else { return };
    for node in 0..3 {
        echo(&network, node);
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0), (1, 1)] {
        assert!(answers(&mut reach(&network, from, to), PATIENCE), "{from} to {to}");
    }
    let outside = SocketAddr::new(address(0), PORT);
    assert!(network.outside().inside(|| TcpStream::connect(outside)).is_ok());

    network.unplug(1);
    assert!(try_to_reach(&network, 0, 1).is_err());
    assert!(try_to_reach(&network, 1, 2).is_err());
    // A machine reaches itself, and the others each other.
    reach(&network, 1, 1);
    reach(&network, 0, 2);
    network.plug(1);
    let mut before = reach(&network, 0, 1);

    network.swallow(Swallow::between(0, 1));
    assert_eq!(try_to_reach(&network, 0, 1).err(), Some(ErrorKind::TimedOut), "swallowed without a word");
    assert_eq!(try_to_reach(&network, 1, 0).err(), Some(ErrorKind::TimedOut), "no answer comes either");
    assert!(!answers(&mut before, Duration::from_millis(300)));
    reach(&network, 2, 1);
    network.deliver(Swallow::between(0, 1));
    reach(&network, 0, 1);

    let port = Swallow::to(1).only_to_port(PORT);
    network.swallow(port);
    network.swallow(Swallow::from(2).only_to_port(PORT + 1));
    assert!(try_to_reach(&network, 0, 1).is_err());
    // Its own connections are of another port.
    reach(&network, 1, 0);
    reach(&network, 2, 0);
    network.deliver(port);
    reach(&network, 0, 1);
}

#[test]
fn a_slow_link_is_slow_and_is_fast_again() {
    let Some(network) = Network::of(2) else { return };
    echo(&network, 1);
    let takes = || {
        let mut stream = reach(&network, 0, 1);
        let began = Instant::now();
        stream.write_all(&vec![0; 64 * 1024]).unwrap();
        stream.read_exact(&mut vec![0; 64 * 1024]).unwrap();
        began.elapsed()
    };
    let quick = takes();
    network.slow(
        1,
        Slow {
            kbit_per_second: 1024,
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(5),
            loss_percent: 1,
        },
    );
    // Half a second for the bytes alone.
    let slow = takes();
    assert!(slow > Duration::from_millis(400), "{slow:?}, and {quick:?} without");
    network.fast(1);
    assert!(poll(PATIENCE, || (takes() < slow / 2).then_some(())).is_some(), "{slow:?} when slow, and still");
}

#[test]
fn servers_on_nodes_have_addresses_of_their_own_and_find_each_other() {
    if cannot(Ability::Cluster) {
        return;
    }
    let Some(network) = Network::of(2) else { return };
    let authority = Authority::new("Private CA");
    let urls = ["https://10.77.0.1:8200".to_owned(), "https://10.77.0.2:8200".to_owned()];
    let member = |node: usize, others: &[String]| {
        let builder = Builder::new().on(&network, node).tls(&authority).log_level("debug");
        builder.member(&format!("n{node}"), others).start()
    };
    let first = member(0, &urls[1..]);
    assert_eq!(first.url(), urls[0]);
    let init = first.init(3, 2);
    first.unseal(&init);
    assert!(first.log().contains("unseal key supplied"), "{}", first.log_tail());
    let mut second = member(1, &urls[..1]);
    second.wait_until(|health| health["initialized"] == true);
    for share in init.enough() {
        second.submit(share);
    }
    second.wait_until(|health| health["sealed"] == false && health["standby"] == true);
    assert!(is_active(&first.health()));

    second.kill();
    second.launch();
    second.wait_until(|health| health["sealed"] == true);
    let here = TcpListener::bind(second.address());
    assert_eq!(
        here.err().map(|error| error.kind()),
        Some(ErrorKind::AddrNotAvailable),
        "nothing of it is the host's"
    );
}
