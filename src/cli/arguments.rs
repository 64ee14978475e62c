//! What can be typed. The man page and the completions are made from these definitions too.

use super::enroll::EnrollArguments;
use super::init::InitArguments;
use crate::config::keys::{self, CONFIG_VARIABLE, Kind};
use crate::config::{Origin, Overrides};
use crate::observe::SERVICE_SOCKET;
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Keeps HashiCorp Vault and OpenBao servers unsealed
///
/// Watches the servers named in /etc/vault-unseal/config.toml and submits key shares to each that is sealed.
#[derive(Debug, Parser)]
#[command(name = "vault-unseal", version, max_term_width = 100, after_long_help = AFTER_HELP)]
pub struct Arguments {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Arguments {
    /// The whole command line, for parsing, help, the man page and completions.
    ///
    /// `hold`, `resume`, `reload` and `events` speak to the daemon alone. They take the flags of the configuration as all
    /// verbs do, but their help does not show them: they would change nothing.
    pub fn command_line() -> clap::Command {
        let command = Self::command();
        let global: Vec<_> = command.get_arguments().filter(|flag| flag.is_global_set()).cloned().collect();
        let quiet = |verb: clap::Command| {
            let own: Vec<_> = verb.get_arguments().map(|argument| argument.get_id().clone()).collect();
            let others = global.iter().filter(|flag| !own.contains(flag.get_id()));
            verb.args(others.map(|flag| flag.clone().hide(true)))
        };
        ["hold", "resume", "reload", "events"]
            .into_iter()
            .fold(command, |command, verb| command.mut_subcommand(verb, quiet))
    }

    /// Parses the command line of this process.
    ///
    /// Errors: it is wrong, or asks for help or the version.
    pub fn of_process() -> Result<Self, clap::Error> {
        // Of `run` nothing of that is to be seen, and what it takes stays resident in the daemon for ever: a tenth of its
        // heap.
        let runs = std::env::args_os().nth(1).is_some_and(|verb| verb == "run");
        let mut command = if runs { Self::command() } else { Self::command_line() };
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Where the daemon listens as a service.
pub(super) const SOCKET: &str = "/run/vault-unseal/control.sock";

const AFTER_HELP: &str = "\
A configuration is three lines in /etc/vault-unseal/config.toml:

  [[cluster]]
  nodes  = [\"https://vault.home:8200\"]
  shares = { credential = \"shares\" }    # the service reads /etc/vault-unseal/shares.json
                                         # without systemd: { file = \"/path/of/shares.json\" }

Then `sudo vault-unseal check` tells what is missing, and `systemctl enable --now vault-unseal` starts it.

Exit codes:
  0   done
  1   it failed
  2   the command line is wrong
  3   wait: still sealed at the deadline; status --exit-code: not every server is unsealed
  4   check: problems found
  78  the configuration, or a share file, is wrong

vault-unseal(8) and vault-unseal.toml(5) say more.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Watch the servers and unseal them, until stopped
    ///
    /// Logs to the journal under systemd, else to standard error. SIGHUP reloads the configuration and tries
    /// rejected shares again; SIGTERM and SIGINT stop.
    Run,
    /// Wait until the servers are unsealed
    ///
    /// Asks the servers itself and needs neither shares nor a running daemon. A standby counts when it sees an active
    /// node. Exits with 3 at the deadline.
    Wait(WaitArguments),
    /// Show the state of every server
    ///
    /// Asks the servers itself and needs neither shares nor a running daemon. A daemon adds, for root, which servers are
    /// held, why others stay sealed, and in the table what it remembers of each: since when it is in its state, when it was
    /// unsealed last and how long that took, how long its certificate is good, and when it answered last. The last line
    /// says if the service of this machine failed, is disabled or does not run.
    ///
    /// Other users than root are shown what the service knows of its servers, if it runs: their states, and what
    /// it remembers of each. --plugin prints that as one line for monitoring, and has the exit codes of that: 0, 1, 2 and 3.
    Status(StatusArguments),
    /// Show what happened to the servers
    ///
    /// Prints the last events that the daemon keeps: at most 2,048, and none from before it was started. The journal has
    /// them in words and for longer. Takes no root.
    Events(EventArguments),
    /// Look for problems: configuration, shares, TLS, servers
    ///
    /// Submits nothing and changes nothing. Every finding comes with its remedy. Without --config it checks this machine
    /// too: what the service can read, units that get in its way, and a shell script that unseals today, with the steps
    /// to replace it. Exits with 4 if there are problems, with 78 if the configuration is refused.
    Check(CheckArguments),
    /// Put shares where the daemon finds them, sealed or plain
    ///
    /// Reads every format that the daemon reads, and leaves a root token out. Writes the file atomically with mode 0600,
    /// and opens it again to check it. One of --tpm2, --credential and --plain says how the shares are stored; --split
    /// and --only give each machine fewer than needed. See the examples below.
    Enroll(EnrollArguments),
    /// Initialise a server and store its shares where the daemon finds them
    ///
    /// Stores the shares as one of --tpm2, --credential and --plain says; --recipient adds encrypted copies to keep
    /// elsewhere. Refuses a server that is initialised, and one whose cluster is. See the examples below.
    Init(InitArguments),
    /// Leave servers alone, for maintenance
    ///
    /// The daemon watches them but submits no share until `resume`. A hold outlives a restart of the daemon, but not of
    /// the machine. If the daemon cannot store it, for example because /run is full, the servers are held until the daemon
    /// restarts, and the exit code is 1. Takes root.
    #[command(
        override_usage = "vault-unseal hold [OPTIONS] <NODE>...\n       vault-unseal hold [OPTIONS] --all"
    )]
    Hold(HoldArguments),
    /// Unseal held servers again
    ///
    /// Ends a hold, also one after an operator's seal. Exits with 1 if the daemon cannot store that. Takes root.
    #[command(
        override_usage = "vault-unseal resume [OPTIONS] <NODE>...\n       vault-unseal resume [OPTIONS] --all"
    )]
    Resume(HoldArguments),
    /// Have the daemon read its configuration again
    ///
    /// Exits with 0 when the daemon uses it, or with 78 and the reason when the daemon refuses it and keeps the old one.
    /// `systemctl reload vault-unseal` calls this. Takes root.
    Reload(ReloadArguments),
}

/// Options of `reload`.
#[derive(Debug, Args)]
pub struct ReloadArguments {
    /// The daemon's control socket; default: the service's
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// Options of `hold` and `resume`.
#[derive(Debug, Args)]
pub struct HoldArguments {
    /// Address or host of a server, or a dns+ or srv+ name from `nodes`
    #[arg(value_name = "NODE", required_unless_present = "all")]
    pub nodes: Vec<String>,
    /// All servers
    #[arg(long, conflicts_with = "nodes")]
    pub all: bool,
    /// The daemon's control socket
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Print the servers as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `wait`.
#[derive(Debug, Args)]
pub struct WaitArguments {
    /// How long to wait, such as 90s or 5m; without it, for ever
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// One unsealed server is enough; without it, all must be
    #[arg(long)]
    pub any: bool,
    /// The daemon's control socket; root learns from it why a server was not unsealed in time
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `status`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct StatusArguments {
    /// Print JSON: an object with `nodes`
    #[arg(long)]
    pub json: bool,
    /// Redraw the table in place until interrupted; with --json, or where the output is no terminal, print every change
    #[arg(long)]
    pub watch: bool,
    /// Exit with 3 unless every server is unsealed
    #[arg(long, conflicts_with = "watch")]
    pub exit_code: bool,
    /// Print what the daemon knows as one line for Icinga, Nagios or Checkmk, and exit with 0 (OK), 1 (warning), 2
    /// (critical) or 3 (unknown)
    #[arg(long, conflicts_with_all = ["json", "watch", "exit_code", "socket"])]
    pub plugin: bool,
    /// The daemon's control socket; root learns from it which servers are held or not in DNS, and why others stay
    /// sealed, and from the observation socket beside it what the daemon remembers
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Show what the daemon knows that listens at this observation socket; default for other users than root: the
    /// service's
    #[arg(long, value_name = "PATH", conflicts_with = "socket")]
    pub observe_socket: Option<PathBuf>,
}

/// Options of `events`.
#[derive(Debug, Args)]
pub struct EventArguments {
    /// Print later events too, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Print each event as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// The daemon's observation socket
    #[arg(long, value_name = "PATH", default_value = SERVICE_SOCKET)]
    pub observe_socket: PathBuf,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Expect another unit of this name; exit code 0 means that vault-unseal is ready to replace it
    #[arg(long, conflicts_with = "config")]
    pub takeover: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where the configuration comes from. Flags win over the environment, the environment over files.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArguments {
    /// Read only this file, not /etc/vault-unseal/config.toml and config.d
    #[arg(long, short, value_name = "FILE", global = true, env = CONFIG_VARIABLE)]
    pub config: Option<PathBuf>,
    /// What may be said by flags of their own.
    #[command(flatten)]
    flags: ConfigFlags,
}

impl ConfigArguments {
    /// Which files to read.
    pub fn origin(&self) -> Origin {
        // An empty variable is as good as none, as everywhere else.
        match self.config.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Origin::File(path.clone()),
            None => Origin::Standard(PathBuf::from("/")),
        }
    }

    /// Whether a flag was typed, and not only a variable set for all verbs.
    pub(super) fn is_given(&self) -> bool {
        let by_variable =
            self.config.as_deref().map(Path::as_os_str) == std::env::var_os(CONFIG_VARIABLE).as_deref();
        !self.flags.0.is_empty() || !by_variable
    }

    /// What the flags say beside them.
    pub fn overrides(&self) -> Overrides {
        self.flags.0.clone()
    }
}

/// The flags of single keys, made from the table of keys.
#[derive(Debug, Clone)]
struct ConfigFlags(Overrides);

impl Args for ConfigFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(keys::flags().into_iter().map(|(key, flag)| {
            let argument = Arg::new(flag.long).long(flag.long).help(flag.help).global(true);
            let argument = argument.hide_short_help(!flag.in_short_help);
            match key.kind {
                Kind::Boolean => argument.action(ArgAction::SetTrue),
                _ => argument.value_name(flag.value),
            }
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(Overrides::of(|key, flag| match key.kind {
            Kind::Boolean => matches.get_flag(flag.long).then(|| true.to_string()),
            _ => matches.get_one::<String>(flag.long).cloned(),
        })))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
