//! The heart against a model of the server's unseal protocol, under simulated time.

mod histories;
mod model;
mod simulation;
mod table;
