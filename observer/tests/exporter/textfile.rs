//! `--textfile`.

use super::{daemon, directory, observer, said};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Output;

fn write(file: &Path, socket: &Path) -> Output {
    let mut command = observer();
    command.args(["exporter", "--textfile"]).arg(file).arg("--observe-socket").arg(socket);
    command.output().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn file_has_the_metrics_and_is_replaced_as_a_whole() {
    let (directory, target) = (directory(), directory());
    let socket = daemon(directory.path());
    let file = target.path().join("vault-unseal.prom");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let old = fs::metadata(&file).unwrap().ino();
    // Whoever reads while it is written reads the old one.
    let open = fs::File::open(&file).unwrap();
    let output = write(&file, &socket);
    assert!(
        output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
        "{}",
        said(&output)
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("vault_unseal_node_up{cluster=\"home\"") && !text.contains("process_"), "{text}");
    assert!(text.ends_with("\nvault_unseal_daemon_up 1\n"), "{text}");
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o644);
    assert_ne!(metadata.ino(), old);
    assert_eq!(std::io::read_to_string(open).unwrap(), "old");
    assert_eq!(names(target.path()), ["vault-unseal.prom"]);
}

#[test]
fn file_tells_of_a_daemon_that_does_not_answer() {
    let target = directory();
    let file = target.path().join("vault-unseal.prom");
    let output = write(&file, &target.path().join("observe.sock"));
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    let text = fs::read_to_string(&file).unwrap();
    let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(values, ["vault_unseal_daemon_up 0"]);
}

#[test]
fn file_that_cannot_be_written_is_told_with_a_remedy() {
    let target = directory();
    let output = write(Path::new("/nowhere/vault-unseal.prom"), &target.path().join("observe.sock"));
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("cannot write /nowhere/vault-unseal.prom") && said.contains("mkdir -p /nowhere\n"),
        "{said}"
    );
    // A directory of that name, and what was begun is gone.
    let taken = target.path().join("taken.prom");
    fs::create_dir(&taken).unwrap();
    assert_eq!(write(&taken, &target.path().join("observe.sock")).status.code(), Some(1));
    assert_eq!(names(target.path()), ["taken.prom"]);
}
