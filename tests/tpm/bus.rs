//! Somebody on the wires between processor and TPM.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::helper::{open_at, seal_at};
use crate::needles::Needles;
use crate::support::home::{lines, shares_of_nobody};
use crate::support::ports::Port;
use crate::support::swtpm::Swtpm;
use crate::tools;

/// Passes everything between helper and TPM, and keeps it; `change` may change what the TPM answers.
struct Tap {
    port: u16,
    seen: Arc<Mutex<Vec<u8>>>,
}

type Change = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

impl Tap {
    fn on(tpm: &Swtpm, change: &Change) -> Self {
        let (mut first, mut second) = Port::reserve_pair(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let seen = Arc::new(Mutex::new(Vec::new()));
        for (offset, port) in [&mut first, &mut second].into_iter().enumerate() {
            let listener = port.take();
            let to = SocketAddr::from((Ipv4Addr::LOCALHOST, tpm.port() + u16::try_from(offset).unwrap()));
            let (seen, change) = (Arc::clone(&seen), Arc::clone(change));
            std::thread::spawn(move || {
                for helper in listener.incoming() {
                    let (helper, tpm) = (helper.unwrap(), TcpStream::connect(to).unwrap());
                    let [back, forth] = [(&tpm, &helper), (&helper, &tpm)]
                        .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()));
                    pass(back, Arc::clone(&seen), Arc::clone(&change));
                    pass(forth, Arc::clone(&seen), Arc::new(|_| ()));
                }
            });
        }
        Self { port: first.address().port(), seen }
    }

    fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }
}

fn pass((mut from, mut to): (TcpStream, TcpStream), seen: Arc<Mutex<Vec<u8>>>, change: Change) {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = &mut buffer[..count];
            change(bytes);
            seen.lock().unwrap().extend_from_slice(bytes);
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn whoever_listens_learns_neither_the_key_nor_a_share() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    let shares = shares_of_nobody(5, 3);
    let text = lines(&shares);
    for pcrs in [None, Some("sha256:7")] {
        let tap = Tap::on(&tpm, &(Arc::new(|_: &mut [u8]| ()) as Change));
        let file = seal_at(&tap.tcti(), &text, pcrs).unwrap();
        assert!(open_at(&tap.tcti(), &file).unwrap() == text.as_bytes());
        let heard = tap.seen();

        fs::write(here.join("file"), &file).unwrap();
        let key = tools::key(&tpm, here, pcrs);
        let private = fs::read(here.join("private")).unwrap();
        assert!(contains(&heard, &private), "what is no secret is heard");
        assert!(!contains(&heard, &key), "the key");
        assert!(key.windows(8).all(|part| !contains(&heard, part)), "a part of the key");
        assert!(Needles::of_hex(&shares).find(&heard).is_empty());
    }
}

#[test]
fn whoever_puts_a_key_of_his_own_in_place_of_the_tpms_is_noticed() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let text = lines(&shares_of_nobody(5, 3));
    let file = seal_at(&tpm.tcti(), &text, None).unwrap();
    tools::primary(&tpm, directory.path());
    let swaps = swaps(directory.path());
    let swapped = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&swapped);
    let change = move |bytes: &mut [u8]| {
        counter.fetch_add(swap(bytes, &swaps), Ordering::Relaxed);
    };
    let tap = Tap::on(&tpm, &(Arc::new(change) as Change));
    assert_eq!(open_at(&tap.tcti(), &file).unwrap_err().0, "tpm-other");
    assert_eq!(swapped.load(Ordering::Relaxed), 2, "key and name");
}

#[test]
fn whoever_shows_a_key_of_his_own_once_and_the_tpms_ever_after_is_noticed() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    let text = lines(&shares_of_nobody(5, 3));
    let file = seal_at(&tpm.tcti(), &text, None).unwrap();
    tools::primary(&tpm, here);
    tpm.does(here, &["tpm2_evictcontrol", "-Q", "-C", "o", "-c", "primary.ctx", "0x81000001"]);
    tpm.flush();
    let [key, name] = swaps(here);
    let once = |swaps: Vec<(Vec<u8>, Vec<u8>)>| {
        let swapped = AtomicUsize::new(0);
        let change = move |bytes: &mut [u8]| {
            if swapped.load(Ordering::Relaxed) == 0 {
                swapped.store(swap(bytes, &swaps), Ordering::Relaxed);
            }
        };
        Tap::on(&tpm, &(Arc::new(change) as Change))
    };
    // The TPM cannot make the key itself.
    tpm.does(here, &["tpm2_changeauth", "-c", "o", "secret"]);
    let tap = once(vec![]);
    assert!(open_at(&tap.tcti(), &file).unwrap() == text.as_bytes());
    assert!(starts_a_session(&tap.seen()), "this is how a session looks");
    let tap = once(vec![key.clone(), name.clone()]);
    let told = open_at(&tap.tcti(), &file).unwrap_err();
    assert!(contains(&tap.seen(), &key.1), "his key was shown");
    assert!(!starts_a_session(&tap.seen()), "a session was salted to his key: {told:?}");
    assert_eq!(told.0, "tpm-other", "{}", told.1);
    // With the name that belongs to the TPM's.
    let tap = once(vec![key.clone()]);
    let told = open_at(&tap.tcti(), &file).unwrap_err();
    assert!(contains(&tap.seen(), &key.1), "his key was shown");
    assert!(!starts_a_session(&tap.seen()), "a session was salted to his key: {told:?}");

    // Passed over: the TPM makes the right one.
    tpm.does(here, &["tpm2_changeauth", "-c", "o", "-p", "secret", ""]);
    let tap = once(vec![key.clone(), name]);
    assert!(open_at(&tap.tcti(), &file).unwrap() == text.as_bytes());
    assert!(contains(&tap.seen(), &key.1), "his key was shown");
}

#[test]
fn whoever_changes_what_is_said_in_a_session_is_not_taken_for_an_owner_with_a_password() {
    let tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(5, 3));
    let file = seal_at(&tpm.tcti(), &text, None).unwrap();
    let refused_when = |change: Change| {
        let tap = Tap::on(&tpm, &change);
        let (kind, words) = open_at(&tap.tcti(), &file).unwrap_err();
        assert_eq!(kind, "tpm-failed", "{words}");
        tpm.flush();
        words
    };
    // The TPM's part of a new session: no sessions, size, success, a session's handle, the nonce.
    let words = refused_when(Arc::new(|bytes: &mut [u8]| {
        if let [0x80, 0x01, _, _, _, 48, 0, 0, 0, 0, 0x02, .., last] = bytes {
            *last ^= 1;
        }
    }));
    assert!(
        words.starts_with(
            "the TPM refused to load the sealed key, as no part of the session (something on the way to it changes \
             what is sent, its storage root key has a password, or it is faulty): "
        ),
        "{words}"
    );
    // At the end of an answer in a session: nonce, attributes, HMAC, the first and the last with their lengths.
    let words = refused_when(Arc::new(|bytes: &mut [u8]| {
        let Some(end) = bytes.len().checked_sub(69) else { return };
        if bytes[..2] == [0x80, 0x02]
            && bytes[end..end + 2] == [0, 32]
            && bytes[end + 35..end + 37] == [0, 32]
        {
            bytes[end + 68] ^= 1;
        }
    }));
    assert!(
        words.starts_with(
            "the TPM's answer is no part of the session (something on the way from it changes what is said, or it is \
             faulty): "
        ),
        "{words}"
    );
}

/// What somebody puts in place of the TPM's primary key, which is in `directory`: public area and name.
fn swaps(directory: &Path) -> [(Vec<u8>, Vec<u8>); 2] {
    // The public area without its length; at its end the coordinates, each with its own.
    let area = fs::read(directory.join("primary.public")).unwrap()[2..].to_vec();
    let name = fs::read(directory.join("primary.name")).unwrap();
    let point = own_point();
    let mut forged = area.clone();
    let at = forged.len() - 66;
    forged[at..at + 32].copy_from_slice(&point[1..33]);
    forged[at + 34..].copy_from_slice(&point[33..]);
    // libtss2 itself would notice if only the key were another.
    let forged_name = [&name[..2], ring::digest::digest(&ring::digest::SHA256, &forged).as_ref()].concat();
    [(area, forged), (name, forged_name)]
}

/// Swaps what there is to swap; how much it was.
fn swap(bytes: &mut [u8], swaps: &[(Vec<u8>, Vec<u8>)]) -> usize {
    let mut swapped = 0;
    for (old, new) in swaps {
        let at = bytes.windows(old.len()).position(|window| window == old);
        if let Some(at) = at {
            bytes[at..at + new.len()].copy_from_slice(new);
            swapped += 1;
        }
    }
    swapped
}

/// Whether `TPM2_StartAuthSession` was sent: a command without sessions, its size, and its code.
fn starts_a_session(heard: &[u8]) -> bool {
    heard.windows(10).any(|window| window[..2] == [0x80, 0x01] && window[6..] == [0x00, 0x00, 0x01, 0x76])
}

/// A key of the same curve, uncompressed: 4, x, y.
fn own_point() -> Vec<u8> {
    let random = ring::rand::SystemRandom::new();
    let key = ring::agreement::EphemeralPrivateKey::generate(&ring::agreement::ECDH_P256, &random).unwrap();
    key.compute_public_key().unwrap().as_ref().to_vec()
}
