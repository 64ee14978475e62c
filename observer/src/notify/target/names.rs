//! Addresses of names. The C library waits for a name server that never answers for as long as resolv.conf(5) says, minutes it
//! may be, and keeps a thread meanwhile: one for each name, however often it is asked for, and none of those that read files.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long an address is waited for: less than a connection may take, so that it is told what it was that took so long.
const LIMIT: Duration = Duration::from_secs(9);
/// Most names that are looked up at a time. The service may have twice as many threads.
const MOST: usize = 64;

/// There is no address, or none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has no address")]
pub(super) struct Unnamed;

type Found = Result<Vec<SocketAddr>, Unnamed>;
type Finding = watch::Receiver<Option<Found>>;

/// The lookups that are under way.
static UNDER_WAY: Mutex<BTreeMap<String, Finding>> = Mutex::new(BTreeMap::new());

/// The addresses of a name, with port 0.
pub(super) async fn addresses(name: &str) -> Found {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![(address, 0).into()]);
    }
    let mut finding = begin(name)?;
    let found = timeout(LIMIT, finding.wait_for(Option::is_some)).await;
    match found {
        Ok(Ok(found)) => found.clone().unwrap_or(Err(Unnamed)),
        _ => Err(Unnamed),
    }
}

/// Begins to look a name up, unless that is under way.
fn begin(name: &str) -> Result<Finding, Unnamed> {
    let mut all = under_way();
    if let Some(finding) = all.get(name) {
        return Ok(finding.clone());
    }
    if all.len() >= MOST {
        return Err(Unnamed);
    }
    let (sender, finding) = watch::channel(None);
    let of_thread = name.to_owned();
    let looking_up = move || {
        let found = (of_thread.as_str(), 0).to_socket_addrs();
        let found = found.map(Iterator::collect).map_err(|_| Unnamed);
        under_way().remove(&of_thread);
        sender.send_replace(Some(found));
    };
    let begun = thread::Builder::new().name("names".to_owned()).stack_size(512 * 1024).spawn(looking_up);
    begun.map_err(|_| Unnamed)?;
    all.insert(name.to_owned(), finding.clone());
    Ok(finding)
}

fn under_way() -> MutexGuard<'static, BTreeMap<String, Finding>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For the client of HTTP.
pub(super) struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = addresses(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
