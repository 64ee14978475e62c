//! The side of whoever calls `hold` or `resume`.

use super::message::{ControlRefusal, NOT_USED, Nodes, Request, SUDO_USER};
use crate::explain::Explain;
use crate::external::quote::sentence;
use crate::external::{ExternalText, error};
use crate::files::READ_LIMIT;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long the daemon may take to answer: it never waits for a server before it does.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a reload may take: one that is under way when it is asked for, and then its own.
const RELOAD_LIMIT: Duration = Duration::from_secs(2 * READ_LIMIT.as_secs() + LIMIT.as_secs());
/// The least that an attempt has: one that is begun later would be given up, and pass for a daemon that does not answer.
const LEAST: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// Largest answer that is read: a kilobyte for each of several thousand nodes.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no socket at this path, or nobody behind it.
    #[error("no daemon listens at {}: {}", sentence(.0), error::io(.1))]
    Absent(PathBuf, io::Error),
    /// The socket's mode keeps this user out.
    #[error("this user may not speak to the daemon: {}: {}", sentence(.0), error::io(.1))]
    Forbidden(PathBuf, io::Error),
    /// It did not answer, or not in a way that can be understood, for this reason.
    #[error("the daemon at {} gave no proper answer: {}", sentence(.0), .1)]
    Answer(PathBuf, String),
    /// It closes every connection without an answer.
    #[error("the daemon at {} closes every connection: too many are open", sentence(.0))]
    Busy(PathBuf),
    /// It says no.
    #[error("{0:.4000}")]
    Refused(ExternalText),
    /// It read its configuration again and goes on with the old one: what is wrong with the new, and what to do about it.
    #[error("the new configuration is not used, the old one stays: {0:.4000}")]
    ReloadRefused(ExternalText, Option<ExternalText>),
}

impl Explain for ControlError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Absent(..) => (
                "no-daemon",
                "Is the service running? `systemctl status vault-unseal` tells. A daemon that is run by hand listens where \
                 RUNTIME_DIRECTORY was set for it: name that here with --socket DIRECTORY/control.sock",
            ),
            Self::Forbidden(..) => ("control-forbidden", "Call it as root: `sudo vault-unseal …`."),
            Self::Answer(..) => {
                ("control-answer", "Look at `journalctl -u vault-unseal`; both must be of the same version.")
            }
            Self::Busy(_) => (
                "control-busy",
                "Close the connections of this user that do nothing: as root, `ss -xp` lists those of control.sock. \
                 Root always has connections of its own.",
            ),
            Self::Refused(_) => return ("control-refused", None),
            Self::ReloadRefused(_, advice) => {
                return ("reload-refused", advice.as_ref().map(|advice| advice.paragraph().into()));
            }
        };
        (kind, Some(advice.into()))
    }
}

/// Asks the daemon behind the socket at `path`. A connection that is closed without an answer, or that the socket's queue
/// has no room for, is tried again as long as there is time: then too many others are connected, and each only for a moment.
/// What is asked may be done twice.
pub async fn tell(path: &Path, request: &Request) -> Result<Nodes<ExternalText>, ControlError> {
    let broken = |reason: String| ControlError::Answer(path.to_owned(), reason);
    let limit = if *request == Request::Reload { RELOAD_LIMIT } else { LIMIT };
    let deadline = Instant::now() + limit;
    let (status, body) = loop {
        let again = match timeout_at(deadline, attempt(path, request)).await {
            Ok(Ok(answer)) => break answer,
            Ok(Err(Attempt::Failed(error))) => return Err(error),
            Ok(Err(Attempt::Closed)) => Instant::now() + PAUSE,
            Err(_) => return Err(broken(format!("none within {}", humantime::format_duration(limit)))),
        };
        if again + LEAST > deadline {
            return Err(ControlError::Busy(path.to_owned()));
        }
        sleep_until(again).await;
    };
    if status == 200 {
        return serde_json::from_slice(&body).map_err(|error| broken(error::json(&error)));
    }
    match serde_json::from_slice::<ControlRefusal<ExternalText>>(&body) {
        Ok(ControlRefusal { error, advice }) if status == NOT_USED => {
            Err(ControlError::ReloadRefused(error, advice))
        }
        Ok(refusal) => Err(ControlError::Refused(refusal.error)),
        Err(_) => Err(broken(format!("HTTP {status}"))),
    }
}

/// Why one attempt has no answer.
enum Attempt {
    /// The daemon had no room for this connection.
    Closed,
    /// Another attempt would fare no better.
    Failed(ControlError),
}

async fn attempt(path: &Path, request: &Request) -> Result<(u16, Bytes), Attempt> {
    let stream = UnixStream::connect(path).await.map_err(|cause| match cause.kind() {
        io::ErrorKind::WouldBlock => Attempt::Closed,
        io::ErrorKind::PermissionDenied => Attempt::Failed(ControlError::Forbidden(path.to_owned(), cause)),
        _ => Attempt::Failed(ControlError::Absent(path.to_owned(), cause)),
    })?;
    exchange(stream, request).await.map_err(|error| {
        if error.downcast_ref::<hyper::Error>().is_some_and(is_closed) {
            return Attempt::Closed;
        }
        Attempt::Failed(ControlError::Answer(path.to_owned(), error::of_exchange(error.as_ref()).to_owned()))
    })
}

/// Whether the connection ended before there was an answer.
fn is_closed(error: &hyper::Error) -> bool {
    let cause = || error.source()?.downcast_ref::<io::Error>().map(io::Error::kind);
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || matches!(cause(), Some(io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset))
}

async fn exchange(
    stream: UnixStream,
    request: &Request,
) -> Result<(u16, Bytes), Box<dyn Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut builder = hyper::Request::builder()
        .method(request.method())
        .uri(request.path())
        .header(HOST, "vault-unseal")
        .header(CONTENT_TYPE, "application/json");
    if let Some(user) =
        env::var_os("SUDO_USER").and_then(|user| HeaderValue::from_bytes(user.as_bytes()).ok())
    {
        builder = builder.header(SUDO_USER, user);
    }
    let request = builder.body(Full::<Bytes>::from(request.body()?))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await?;
    Ok((status, body.to_bytes()))
}
