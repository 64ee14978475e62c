//! The daemon's side of the socket. What readers take from the loop is bounded for all of them together: answers are made a
//! slice at a time, one slice after the other whoever reads it, and with a pause after each.

use super::answer::{JSON, METRICS_TEXT, begin, chunk, refuse};
use super::document::{Remaining, begin_events, begin_snapshot, go_on};
use super::metrics::MetricsCursor;
use super::quota::{ReaderPlace, ReaderQuota};
use super::request::Asked;
use crate::telemetry::{METRICS, Telemetry, VAULT_EXPORTER};
use rustix::process::{getegid, geteuid};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// The socket's name in its directory.
const SOCKET: &str = "observe.sock";
/// Who may connect: everybody.
const MODE: u32 = 0o666;
/// How long a reader may take to send its request.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);
/// How long it may be connected.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// Between two slices, and after so many connections that are closed at once.
const PAUSE: Duration = Duration::from_millis(1);
/// How many connections are closed at once without a pause.
const SURPLUS: usize = 32;
/// Pause after a failure to accept.
const PAUSE_IN_TROUBLE: Duration = Duration::from_millis(200);

/// The socket in a directory.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join(SOCKET)
}

/// The directory for it beside the runtime directory: that of a service that systemd makes a user up for is below
/// `/run/private`, which nobody enters but root. `None` where there is none, or somebody else could put another socket there,
/// or a link to what is not to be everybody's.
fn beside(runtime: &Path) -> Option<PathBuf> {
    let mut name = runtime.file_name()?.to_owned();
    name.push("-observe");
    let directory = runtime.with_file_name(name);
    // Not of what a link leads to.
    let found = fs::symlink_metadata(&directory).ok()?;
    let is_ours = found.uid() == 0 || found.uid() == geteuid().as_raw();
    let others = if found.gid() == getegid().as_raw() { 0o002 } else { 0o022 };
    (found.is_dir() && is_ours && found.mode() & others == 0).then_some(directory)
}

/// Listens beside the runtime directory, or in it, until the daemon ends; for so many readers at the most.
///
/// Errors: the socket that it is, and why.
pub fn listen(runtime: &Path, telemetry: Arc<Telemetry>, most: usize) -> Result<(), (PathBuf, io::Error)> {
    let own = socket(runtime);
    let first = beside(runtime).map(|directory| socket(&directory));
    let listener = match first.map(|path| bind(&path).map_err(|error| (path, error))) {
        Some(Ok(listener)) => listener,
        Some(Err((path, error))) => {
            // Root reaches the other one.
            bind(&own).map_err(|_| (path, error))?
        }
        None => bind(&own).map_err(|error| (own, error))?,
    };
    tokio::spawn(serve(listener, telemetry, Arc::new(ReaderQuota::new(most))));
    Ok(())
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Whatever is left of an earlier run: another daemon would have the control socket.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// Accepts whoever connects, and closes what has no place.
async fn serve(listener: UnixListener, telemetry: Arc<Telemetry>, quota: Arc<ReaderQuota>) {
    let turns = Arc::new(Mutex::new(()));
    let mut surplus = 0;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE_IN_TROUBLE).await;
            continue;
        };
        // The kernel's word on who connected (SO_PEERCRED, unix(7)).
        let place = stream.peer_cred().ok().and_then(|reader| quota.take(reader.uid()));
        if let Some(place) = place {
            tokio::spawn(visit(stream, place, Arc::clone(&telemetry), Arc::clone(&turns)));
            continue;
        }
        drop(stream);
        surplus += 1;
        if surplus % SURPLUS == 0 {
            sleep(PAUSE).await;
        }
    }
}

/// Serves one reader. One who is too slow, or gone, is given up.
async fn visit(mut stream: UnixStream, place: ReaderPlace, telemetry: Arc<Telemetry>, turns: Arc<Mutex<()>>) {
    let _ = timeout(CONNECTION_LIMIT, async {
        let Ok(Ok(Some(asked))) = timeout(REQUEST_LIMIT, Asked::read(&mut stream)).await else {
            return Ok(());
        };
        let (mut answer, mut text) = (Vec::new(), Vec::new());
        let mut remaining = begin_document(asked, &telemetry, &mut answer, &mut text);
        while !matches!(remaining, Remaining::Nothing) {
            let turn = turns.lock().await;
            remaining = go_on(&telemetry, remaining, &mut text);
            chunk(&mut answer, &text, matches!(remaining, Remaining::Nothing));
            sleep(PAUSE).await;
            drop(turn);
            stream.write_all(&answer).await?;
            answer.clear();
            text.clear();
        }
        // Of an answer that was refused, all; of others nothing.
        stream.write_all(&answer).await
    })
    .await;
    drop(stream);
    drop(place);
}

fn begin_document(
    asked: Asked,
    telemetry: &Telemetry,
    answer: &mut Vec<u8>,
    text: &mut Vec<u8>,
) -> Remaining {
    if let Asked::Unknown(status) = asked {
        refuse(answer, status);
        return Remaining::Nothing;
    }
    let table = match asked {
        Asked::Metrics => METRICS,
        Asked::VaultExporter => VAULT_EXPORTER,
        _ => &[],
    };
    begin(answer, if table.is_empty() { JSON } else { METRICS_TEXT });
    match asked {
        Asked::Events(after) => begin_events(telemetry, after, text),
        Asked::Nodes => begin_snapshot(telemetry, env!("CARGO_PKG_VERSION"), text),
        _ => Remaining::Metrics(MetricsCursor::of(table)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use tokio::io::AsyncReadExt;

    const ASK: &[u8] = b"GET /v1/nodes HTTP/1.1\r\n\r\n";
    const END: &[u8] = b"\r\n0\r\n\r\n";

    fn fleet(nodes: usize) -> Arc<Telemetry> {
        let telemetry = Arc::new(Telemetry::default());
        for node in 0..nodes {
            telemetry.enter("home", &format!("https://node-{node}.home:8200"));
        }
        telemetry
    }

    async fn visitor(telemetry: &Arc<Telemetry>, turns: &Arc<Mutex<()>>, asks: &[u8]) -> UnixStream {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let place = Arc::new(ReaderQuota::new(8)).take(0).unwrap();
        tokio::spawn(visit(theirs, place, Arc::clone(telemetry), Arc::clone(turns)));
        ours.write_all(asks).await.unwrap();
        ours
    }

    async fn rest(reader: &mut UnixStream) -> Vec<u8> {
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// One that reads slowly has more time: that one's answer is whole when the other is gone.
    #[tokio::test]
    async fn who_asks_nothing_is_given_up_before_who_reads_slowly() {
        let (telemetry, turns) = (fleet(3000), Arc::default());
        let mut slow = visitor(&telemetry, &turns, ASK).await;
        let mut silent = visitor(&telemetry, &turns, ASK.trim_ascii_end()).await;
        assert!(rest(&mut silent).await.is_empty());
        let answer = rest(&mut slow).await;
        assert!(answer.ends_with(END) && answer.len() > 500_000, "{}", answer.len());
    }

    #[tokio::test]
    async fn who_reads_nothing_is_given_up_with_an_answer_that_is_cut_short() {
        let (telemetry, turns) = (fleet(3000), Arc::default());
        let mut reader = visitor(&telemetry, &turns, ASK).await;
        sleep(CONNECTION_LIMIT + REQUEST_LIMIT).await;
        assert!(!rest(&mut reader).await.ends_with(END));
    }

    /// Other tasks have their turn between any two slices, whoever reads them.
    #[tokio::test]
    async fn a_pause_follows_each_slice() {
        let (telemetry, turns) = (fleet(10 * 32), Arc::default());
        let began = Instant::now();
        let mut readers = Vec::new();
        for _ in 0..4 {
            readers.push(visitor(&telemetry, &turns, ASK).await);
        }
        for reader in &mut readers {
            assert!(rest(reader).await.ends_with(END));
        }
        assert!(began.elapsed() >= PAUSE * 4 * 10, "{:?}", began.elapsed());
    }
}
