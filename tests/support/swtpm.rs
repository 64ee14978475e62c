//! A TPM 2.0 in software, with its state in a directory of its own: starting it again is a reboot of its machine, an
//! empty directory is another machine.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::guarded::Guarded;
use super::ports::Port;
use super::{PATIENCE, poll};

/// One TPM. Killed and waited for when dropped.
pub struct Swtpm {
    directory: tempfile::TempDir,
    /// Where it takes commands, and the port after it, where it takes what a motherboard would tell it.
    ports: (Port, Port),
    process: Option<Guarded>,
}

impl Swtpm {
    /// A new one, switched on.
    pub fn start() -> Self {
        let mut tpm = Self::switched_off();
        tpm.switch_on();
        tpm
    }

    /// A new one that nobody switched on yet.
    pub fn switched_off() -> Self {
        let directory = super::directory::named("swtpm-");
        Self { directory, ports: Port::reserve_pair(IpAddr::V4(Ipv4Addr::LOCALHOST)), process: None }
    }

    /// Power on: the PCRs begin at zero.
    pub fn switch_on(&mut self) {
        assert!(self.process.is_none(), "it is on");
        let (commands, control) = (self.ports.0.address(), self.ports.1.address());
        self.ports.0.release();
        self.ports.1.release();
        let mut started = Guarded::spawn(
            Command::new("swtpm")
                .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate"])
                .arg(format!("dir={}", self.directory.path().display()))
                .arg("--server")
                .arg(format!("type=tcp,port={},bindaddr=127.0.0.1,disconnect", commands.port()))
                .arg("--ctrl")
                .arg(format!("type=tcp,port={},bindaddr=127.0.0.1", control.port()))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        poll(PATIENCE, || {
            assert_eq!(started.ended(), None, "swtpm ended: are its ports taken?");
            TcpStream::connect(control).ok()
        })
        .expect("swtpm listens");
        self.process = Some(started);
    }

    /// Power off, at once.
    pub fn switch_off(&mut self) {
        self.process = None;
    }

    /// Off and on.
    pub fn reboot(&mut self) {
        self.switch_off();
        self.switch_on();
    }

    /// Stops answering, with all its connections open.
    pub fn pause(&mut self) {
        self.process.as_mut().expect("it is on").pause();
    }

    /// Goes on.
    pub fn resume(&mut self) {
        self.process.as_mut().expect("it is on").resume();
    }

    /// The port for commands.
    pub fn port(&self) -> u16 {
        self.ports.0.address().port()
    }

    /// How tpm2-tss reaches it.
    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port())
    }

    /// Runs one of tpm2-tools on it, in `directory`.
    pub fn tool(&self, directory: &Path, command: &[&str]) -> Output {
        Command::new(command[0])
            .args(&command[1..])
            .current_dir(directory)
            .env("TPM2TOOLS_TCTI", self.tcti())
            .env("TSS2_LOG", "all+NONE")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Runs a tool that must succeed; its standard output.
    pub fn does(&self, directory: &Path, command: &[&str]) -> Vec<u8> {
        let output = self.tool(directory, command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Removes the keys and sessions that tools left in it: there is no resource manager before it.
    pub fn flush(&self) {
        let here = Path::new("/");
        for what in ["-t", "-l", "-s"] {
            self.tool(here, &["tpm2_flushcontext", what]);
        }
    }

    /// Extends a PCR of the bank sha256, as firmware does with what it starts.
    pub fn extend(&self, pcr: u8) {
        self.does(Path::new("/"), &["tpm2_pcrextend", &format!("{pcr}:sha256={}", "ab".repeat(32))]);
    }

    /// The handles that are in use: keys and sessions that somebody forgot.
    pub fn handles(&self) -> String {
        ["handles-transient", "handles-loaded-session"]
            .map(|what| String::from_utf8(self.does(Path::new("/"), &["tpm2_getcap", what])).unwrap())
            .concat()
    }
}
