//! Logging: fields to the journal under systemd, plain lines everywhere else.

use super::lines::Lines;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::env;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

/// The name under which the journal files our messages.
const IDENTIFIER: &str = "vault-unseal";

/// Where journald takes messages.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// More than fits into a quarter of the smallest send buffer, 4608 bytes: up to there a socket counts as writable.
const FILLING: usize = 2000;
/// How long journald may take to get to a message.
const TAKEN_IN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The log that was started.
#[derive(Debug)]
pub struct Log {
    filter: Handle<Targets, Registry>,
    lines: Lines,
}

impl Log {
    /// Logs at another level from now on.
    pub fn set_level(&self, level: LevelFilter) {
        // Fails only when this log is not the one in use: then its level is nobody's concern.
        let _ = self.filter.reload(filter(level));
    }

    /// Where it writes when that is not the journal.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }
}

/// Our own messages at the wanted level; of libraries only what is worth a warning.
fn filter(level: LevelFilter) -> Targets {
    Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("vault_unseal", level)
}

/// Starts logging at `level`, to the journal if it reads our standard error, else to standard error itself.
pub fn start(level: LevelFilter) -> Log {
    start_as(IDENTIFIER, level)
}

/// The same for another program: `SYSLOG_IDENTIFIER=` of its messages.
pub fn start_as(identifier: &str, level: LevelFilter) -> Log {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = Lines::default();
    let log = Log { filter: handle, lines: lines.clone() };
    let registry = tracing_subscriber::registry().with(filter);
    if reads_our_stderr() {
        if let Ok(journal) = tracing_journald::layer() {
            let journal = journal
                .with_field_prefix(None)
                .with_syslog_identifier(identifier.to_owned())
                .with_priority_mappings(PriorityMappings {
                    info: Priority::Informational,
                    debug: Priority::Debug,
                    ..PriorityMappings::new()
                });
            let _ = registry.with(journal).try_init();
            return log;
        }
    }
    let layer =
        tracing_subscriber::fmt::layer()
            .with_writer(lines)
            .with_ansi(false)
            .with_target(false)
            .with_timer(Clock)
            // The fields are for the journal; the message says it all.
            .fmt_fields(debug_fn(|writer: &mut Writer<'_>, field, value| {
                if field.name() == "message" { write!(writer, "{value:?}") } else { Ok(()) }
            }));
    let _ = registry.with(layer).try_init();
    log
}

/// `$JOURNAL_STREAM` names the device and inode of our standard error (systemd.exec(5)).
pub fn reads_our_stderr() -> bool {
    let Some(stream) = env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(stat) = fstat(io::stderr()) else { return false };
    stream
        .split_once(':')
        .is_some_and(|(device, inode)| device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino))
}

/// Waits until journald has taken in what was logged so far; `false` where that cannot be told, or not soon.
///
/// journald looks up the unit of a message by the process that sent it, when it gets to it (systemd-journald.service(8)).
/// The last words of a process that has ended by then are nobody's, and `journalctl --unit=` does not show them. journald
/// takes its messages one after the other: once it has fetched a later one, those before it are filed. That it has
/// fetched it shows in the sender's buffer, which has room again (unix(7), poll(2)).
pub fn is_filed() -> bool {
    filed().unwrap_or(false)
}

fn filed() -> io::Result<bool> {
    let socket = UnixDatagram::unbound()?;
    // The least there is: one message fills it.
    set_socket_send_buffer_size(&socket, 1)?;
    socket.connect(JOURNAL)?;
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    // A comment, which journald skips (systemd's Native Journal Protocol).
    let mut comment = [b'#'; FILLING];
    if let Some(last) = comment.last_mut() {
        *last = b'\n';
    }
    socket.send(&comment)?;
    let mut room = [PollFd::new(&socket, PollFlags::OUT)];
    Ok(poll(&mut room, Some(&TAKEN_IN))? == 1)
}

/// UTC with milliseconds: enough to compare with a server's log.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", humantime::format_rfc3339_millis(std::time::SystemTime::now()))
    }
}
