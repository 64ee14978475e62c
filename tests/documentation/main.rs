//! The pages of the documentation: their links and anchors lead somewhere, their commands, keys and states exist in the program, and
//! the words in the pictures are those that the program prints. Links to other sites are listed, with `--nocapture`, and not opened.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod alerts;
mod commands;
mod dashboard;
mod error_kinds;
mod links;
mod metrics;
mod pages;
mod pictures;
mod schema;
mod words;

#[path = "../../site/address.rs"]
mod address;
#[path = "../../site/book.rs"]
mod book;
#[path = "../../site/catalog.rs"]
mod catalog;
#[path = "../support/json_schema.rs"]
mod json_schema;
#[path = "../../site/kinds.rs"]
mod kinds;
