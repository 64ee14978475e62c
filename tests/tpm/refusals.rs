//! What is wrong with the file alone is wrong at the start, as with any share file.

use std::fs;
use std::process::{Command, Stdio};

use crate::daemon::home;
use crate::support::home::{lines, shares_of_nobody};
use crate::support::hostile::Hostile;
use crate::support::process::run;
use crate::support::swtpm::Swtpm;

#[test]
fn a_file_that_is_missing_open_to_others_or_no_sealed_file_ends_the_start() {
    let mut tpm = Swtpm::start();
    let server = Hostile::http();
    let home = home(&tpm, &server.url(), &lines(&shares_of_nobody(3, 2)), Some("7"));
    // Nothing of this takes a TPM.
    tpm.switch_off();
    let good = fs::read_to_string(home.path("shares.tpm2")).unwrap();
    let refused = |words: &str, advice: &str| {
        let output = run(&mut home.command(&["run"]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(words) && said.contains(advice), "{said}");
    };
    home.chmod("shares.tpm2", 0o644);
    refused("its mode is 0644", "chmod 0600 ");
    home.put("shares.tpm2", &good.replace("\"version\": 1", "\"version\": 7"));
    refused("its format has version 7", "Use the version of vault-unseal that wrote");
    home.put("shares.tpm2", &good.replace("\"nonce\": \"", "\"nonce\": \"x"));
    refused("cannot open the shares in", "vault-unseal enroll");
    home.put("shares.tpm2", &lines(&shares_of_nobody(3, 2)));
    refused("it is not a file of shares sealed to a TPM", "vault-unseal enroll");
    fs::remove_file(home.path("shares.tpm2")).unwrap();
    refused("there is no such file", "Seal the shares: vault-unseal enroll FILE --tpm2 --output ");
}

#[test]
fn a_machine_without_the_helper_is_told_which_package_has_it() {
    if fs::exists("/usr/libexec/vault-unseal/vault-unseal-tpm").unwrap() {
        crate::support::untested("the helper is installed here");
        return;
    }
    let tpm = Swtpm::start();
    let server = Hostile::http();
    let home = home(&tpm, &server.url(), &lines(&shares_of_nobody(3, 2)), None);
    // By another process: a file that this one holds open for writing is busy in what the other tests start.
    let program = home.path("vault-unseal");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_vault-unseal")).arg(&program).status().unwrap();
    assert!(copied.success());
    let check = || {
        let mut command = Command::new(&program);
        command.args(["check", "--config"]).arg(home.path("config.toml")).env_clear().stdin(Stdio::null());
        let output = run(&mut command);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = check();
    assert!(said.contains("there is no /usr/libexec/vault-unseal/vault-unseal-tpm"), "{said}");
    assert!(said.contains("Install the package vault-unseal-tpm:"), "{said}");
    // One that anybody could have put there is none.
    let helper = home.path("vault-unseal-tpm");
    let copied =
        Command::new("cp").arg(env!("CARGO_BIN_EXE_vault-unseal-tpm")).arg(&helper).status().unwrap();
    assert!(copied.success());
    home.chmod("vault-unseal-tpm", 0o757);
    assert!(check().contains("Install the package vault-unseal-tpm:"));
    home.chmod("vault-unseal-tpm", 0o755);
    let said = check();
    assert!(said.contains("3 shares in"), "{said}");
}
