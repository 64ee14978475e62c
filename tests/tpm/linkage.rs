//! Who links libtss2.

use std::process::Command;

fn needed(program: &str) -> Vec<String> {
    let output = Command::new("readelf").args(["--dynamic", "--wide", program]).output().expect("binutils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.contains("(NEEDED)")).map(str::to_owned).collect()
}

#[test]
fn the_daemon_does_not_even_where_the_helper_is_built() {
    let daemon = needed(env!("CARGO_BIN_EXE_vault-unseal"));
    let needs = |list: &[String], library: &str| list.iter().any(|line| line.contains(library));
    assert!(needs(&daemon, "libc.so.6"), "{daemon:?}");
    assert!(!needs(&daemon, "tss2") && !needs(&daemon, "crypto"), "{daemon:?}");
    let helper = needed(env!("CARGO_BIN_EXE_vault-unseal-tpm"));
    assert!(needs(&helper, "libtss2-esys"), "{helper:?}");
}
