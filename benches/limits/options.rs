//! What is to be measured, and how often.

/// How much is measured.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Few rounds, and only what is quickly done.
    Quick,
    #[default]
    Usual,
    /// Also what takes long: three thousand nodes, 300 polls at rest.
    Full,
}

/// Programs that are measured where they are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Bare loops that ask first whether a server is sealed.
    Asking,
    /// The daemon's libraries, and nothing else.
    Libraries,
}

/// The command line.
#[derive(Default)]
pub(crate) struct Options {
    /// Rounds of everything that is a time.
    pub(crate) n: usize,
    pub(crate) extent: Extent,
    /// Prints for machines.
    pub(crate) json: bool,
    /// Writes the page and the picture.
    pub(crate) write: bool,
    /// Programs of the benchmark's own that are measured, too.
    pub(crate) beside: Vec<Beside>,
    /// Names and commands of further programs.
    pub(crate) peers: Vec<(String, String)>,
    /// A piece of the names of the kinds of server, and numbers of nodes, that are wanted; empty: all.
    pub(crate) cell: String,
    /// The parts that are wanted; none: all.
    pub(crate) parts: Vec<String>,
}

impl Options {
    /// Of `quick`, names of parts, and options.
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut n = None;
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
                _ => (argument, None),
            };
            let mut value =
                || value.clone().or_else(|| arguments.next()).ok_or(format!("{name} takes a value"));
            match name.as_str() {
                // Cargo's own.
                "--bench" => {}
                "quick" => options.extent = Extent::Quick,
                "--full" => options.extent = Extent::Full,
                "--json" => options.json = true,
                "--write" => options.write = true,
                "--asking" => options.add(Beside::Asking),
                "--libraries" => options.add(Beside::Libraries),
                "--n" => n = Some(value()?.parse().ok().filter(|n| *n > 0).ok_or("--n takes a number")?),
                "--cell" => options.cell = value()?,
                "--peer" => {
                    let peer = value()?;
                    let (name, command) = peer.split_once('=').ok_or("--peer takes NAME=COMMAND")?;
                    options.peers.push((name.to_owned(), command.to_owned()));
                }
                other if other.starts_with('-') => return Err(format!("there is no option {other}")),
                part => options.parts.push(part.to_owned()),
            }
        }
        options.n = n.unwrap_or(if options.extent == Extent::Quick { 5 } else { 25 });
        Ok(options)
    }

    /// Once, however often it is named.
    fn add(&mut self, beside: Beside) {
        if !self.beside.contains(&beside) {
            self.beside.push(beside);
        }
    }
}
