//! The core and the folders of words that it imports, as the daemon is built of them: no file is another.
#![allow(dead_code, unused_imports, reason = "what others than the core use of these folders is not here")]

#[path = "../../../src/api/mod.rs"]
pub mod api;
#[path = "../../../src/cluster/mod.rs"]
pub mod cluster;
#[path = "../../../src/explain.rs"]
pub mod explain;
#[path = "../../../src/external/mod.rs"]
pub mod external;
#[path = "../../../src/unseal/mod.rs"]
pub mod unseal;
