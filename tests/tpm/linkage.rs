//! Who links libtss2.

use std::process::Command;

fn needed(program: &str) -> String {
    let output = Command::new("readelf").args(["--dynamic", "--wide", program]).output().expect("binutils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.contains("(NEEDED)")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_daemon_does_not_even_where_the_helper_is_built() {
    let daemon = needed(env!("CARGO_BIN_EXE_vault-unseal"));
    assert!(daemon.contains("libc.so.6"), "{daemon}");
    assert!(!daemon.contains("tss2") && !daemon.contains("crypto"), "{daemon}");
    let helper = needed(env!("CARGO_BIN_EXE_vault-unseal-tpm"));
    assert!(helper.contains("libtss2-esys"), "{helper}");
}
