//! The heart against a model of the server's unseal protocol, under simulated time.

mod daemon;
mod fault;
mod histories;
mod model;
mod scenarios;
mod simulation;
mod table;
