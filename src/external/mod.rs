//! Text that comes from outside: from servers, files, units, resolvers and sockets. It is data, whatever it looks like.

mod text;

pub use text::ExternalText;
