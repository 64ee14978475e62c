//! The control socket: `hold`, `resume` and `reload`, and the daemon's own view of its nodes. HTTP/1.1 and JSON over a Unix
//! socket; no share or token ever crosses it.
//!
//! Who may use it is a matter of the socket's mode, 0660: root, the daemon's user, and its group. The kernel checks it
//! when somebody connects (unix(7)).

mod client;
mod message;
mod server;
mod slots;

pub use client::{ControlError, tell};
pub use message::{HeldBy, Name, NodeReport, Nodes, Problem, Request, Which};
pub use server::{AnotherDaemon, DIRECTORY, ReloadRequest, ReloadVerdict, listen, socket};
