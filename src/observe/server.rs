//! The daemon's side of the socket. What readers take from the loop is bounded for all of them together: answers are made a
//! slice at a time, one slice after the other whoever reads it, and with a pause after each.

use super::answer::{JSON, METRICS_TEXT, begin, chunk, refuse};
use super::document::{Remaining, begin_events, begin_snapshot, go_on};
use super::metrics::MetricsCursor;
use super::quota::{ReaderPlace, ReaderQuota};
use super::request::Asked;
use crate::external::error::OwnWords;
use crate::telemetry::{METRICS, Telemetry, VAULT_EXPORTER};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::process::{getegid, geteuid};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd;
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
/// Where the runtime directories of users are that systemd makes up (systemd.exec(5), `DynamicUser=`).
const PRIVATE: &str = "/run/private";
/// Who may connect: everybody.
const MODE: u32 = 0o666;
/// How long a reader may take to send its request.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);
/// How long it may be connected.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// After each slice, and after so many connections.
const PAUSE: Duration = Duration::from_millis(1);
/// How many connections are accepted without a pause: more than anybody begins in one, who would keep others out.
const ACCEPTED: usize = 1024;
/// Pause after a failure to accept.
const PAUSE_IN_TROUBLE: Duration = Duration::from_millis(200);

/// The socket in a directory.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join(SOCKET)
}

/// Where a daemon with this runtime directory can be observed: where everybody may, then in that directory.
pub(super) fn places(runtime: &Path) -> [Option<PathBuf>; 2] {
    [named_beside(runtime), Some(runtime.to_owned())].map(|directory| Some(socket(&directory?)))
}

fn named_beside(runtime: &Path) -> Option<PathBuf> {
    let mut name = runtime.file_name()?.to_owned();
    name.push("-observe");
    Some(runtime.with_file_name(name))
}

/// The directory for it beside the runtime directory: that of a service that systemd makes a user up for is below
/// `/run/private`, which nobody enters but root. `None` where there is none, or somebody else could put another socket there,
/// or a link to what is not to be everybody's.
fn beside(runtime: &Path) -> Option<PathBuf> {
    let directory = named_beside(runtime)?;
    // Not of what a link leads to.
    let found = fs::symlink_metadata(&directory).ok()?;
    let is_ours = found.uid() == 0 || found.uid() == geteuid().as_raw();
    let of_group = found.uid() == 0 && found.gid() == getegid().as_raw();
    let others = if of_group { 0o002 } else { 0o022 };
    (found.is_dir() && is_ours && found.mode() & others == 0).then_some(directory)
}

/// Listens beside the runtime directory, or in it, until the daemon ends; for so many readers at the most. Returns whether
/// everybody reaches it: nobody but root enters the runtime directory of a user that systemd makes up.
///
/// Errors: the socket that it is, and why.
pub fn listen(runtime: &Path, telemetry: Arc<Telemetry>, most: usize) -> Result<bool, (PathBuf, io::Error)> {
    let own = socket(runtime);
    let first = beside(runtime).map(|directory| socket(&directory));
    let private = fs::canonicalize(runtime).is_ok_and(|directory| directory.starts_with(PRIVATE));
    let (listener, reached) = match first.map(|path| bind(&path).map_err(|error| (path, error))) {
        Some(Ok(listener)) => (listener, true),
        // Root reaches the other one.
        Some(Err((path, error))) => (bind(&own).map_err(|_| (path, error))?, !private),
        None => (bind(&own).map_err(|error| (own, error))?, !private),
    };
    tokio::spawn(serve(listener, telemetry, Arc::new(ReaderQuota::new(most))));
    Ok(reached)
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Whatever is left of an earlier run: another daemon would have the control socket.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Not by its name: whoever else may write to the directory could have put a link there meanwhile.
    let file = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let found = fstat(&file)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket || found.st_uid != geteuid().as_raw() {
        return Err(io::Error::other(OwnWords("somebody else has put another file there")));
    }
    fs::set_permissions(format!("/proc/self/fd/{}", file.as_raw_fd()), Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// Accepts whoever connects, and closes what has no place.
async fn serve(listener: UnixListener, telemetry: Arc<Telemetry>, quota: Arc<ReaderQuota>) {
    let turns = Arc::new(Mutex::new(()));
    let mut accepted: usize = 0;
    loop {
        accepted = accepted.wrapping_add(1);
        if accepted % ACCEPTED == 0 {
            sleep(PAUSE).await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE_IN_TROUBLE).await;
            continue;
        };
        // The kernel's word on who connected (SO_PEERCRED, unix(7)).
        let place = stream.peer_cred().ok().and_then(|reader| quota.take(reader.uid()));
        if let Some(place) = place {
            tokio::spawn(visit(stream, place, Arc::clone(&telemetry), Arc::clone(&turns)));
        }
    }
}

/// Serves one reader. One who is too slow, or gone, is given up.
async fn visit(mut stream: UnixStream, place: ReaderPlace, telemetry: Arc<Telemetry>, turns: Arc<Mutex<()>>) {
    let _ = timeout(CONNECTION_LIMIT, async {
        let Ok(Ok(Some(asked))) = timeout(REQUEST_LIMIT, Asked::read(&mut stream)).await else {
            return Ok(());
        };
        let (mut answer, mut text, mut begun) = (Vec::new(), Vec::new(), None);
        loop {
            let turn = turns.lock().await;
            // What is there is looked up in the turn of the first slice: nothing comes between.
            let remaining =
                begun.unwrap_or_else(|| begin_document(asked, &telemetry, &mut answer, &mut text));
            // An answer that is refused is whole.
            let refused = text.is_empty() && matches!(remaining, Remaining::Nothing);
            let remaining = go_on(&telemetry, remaining, &mut text);
            let over = matches!(remaining, Remaining::Nothing);
            if !refused {
                chunk(&mut answer, &text, over);
            }
            sleep(PAUSE).await;
            drop(turn);
            stream.write_all(&answer).await?;
            if over {
                return Ok::<_, io::Error>(());
            }
            answer.clear();
            text.clear();
            begun = Some(remaining);
        }
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

    /// The oldest events go while a reader waits for its turn: it gets those that are left, and is told of the others.
    #[tokio::test]
    async fn what_happens_while_a_reader_waits_costs_it_no_event() {
        let (telemetry, turns) = (fleet(4000), Arc::default());
        let turn = Mutex::lock(&turns).await;
        let mut reader = visitor(&telemetry, &turns, b"GET /v1/events?after=0 HTTP/1.1\r\n\r\n").await;
        while telemetry.last_event() < 5000 {
            telemetry.reloaded(false);
            tokio::task::yield_now().await;
        }
        drop(turn);
        let answer = String::from_utf8(rest(&mut reader).await).unwrap();
        assert!(
            answer.contains("\"lost\":2952,\"last\":5000,") && answer.contains("\"number\":2953,"),
            "{answer:.300}"
        );
        assert!(answer.contains("\"number\":5000,"), "to the last one");
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
