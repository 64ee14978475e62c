//! Who can have written the configuration.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::process::run;
use crate::{is_root, mode};

fn home() -> Home {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.configure(&["http://127.0.0.1:1"], "");
    home
}

/// The exit code, and what is said.
fn status(home: &Home) -> (Option<i32>, String) {
    let output = run(&mut home.command(&["status"]));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn directories_of_a_user_with_umask_0002_serve() {
    let home = home();
    mode(home.directory(), 0o775);
    mode(&home.path("config.toml"), 0o664);
    let (code, said) = status(&home);
    assert_ne!(code, Some(78), "{said}");
}

#[test]
fn configuration_that_another_group_can_write_is_refused() {
    if !is_root() {
        return;
    }
    let home = home();
    let file = home.path("config.toml");
    chown(&file, None, Some(4321)).unwrap();
    mode(&file, 0o664);
    let (code, said) = status(&home);
    assert!(code == Some(78) && said.contains("group 4321 may write it (mode 0664)"), "{said}");
    assert!(said.contains(&format!("chmod g-w {}", file.display())), "{said}");
    mode(&file, 0o644);
    chown(home.directory(), None, Some(4321)).unwrap();
    mode(home.directory(), 0o775);
    let (code, said) = status(&home);
    let command = format!("chmod g-w {}", home.directory().display());
    assert!(code == Some(78) && said.contains(&command), "{said}");
}

#[test]
fn configuration_below_a_directory_of_anybodys_is_refused() {
    let home = home();
    fs::create_dir_all(home.path("open/own")).unwrap();
    mode(&home.path("open"), 0o777);
    fs::rename(home.path("config.toml"), home.path("open/own/config.toml")).unwrap();
    symlink("open/own/config.toml", home.path("config.toml")).unwrap();
    let (code, said) = status(&home);
    assert!(code == Some(78) && said.contains("open: everybody may write it"), "{said}");
}

#[test]
fn configuration_through_a_link_of_somebody_else_is_refused() {
    if !is_root() {
        return;
    }
    let home = home();
    fs::rename(home.path("config.toml"), home.path("real.toml")).unwrap();
    symlink("real.toml", home.path("config.toml")).unwrap();
    assert_ne!(status(&home).0, Some(78), "root's own will do");
    lchown(home.path("config.toml"), Some(4321), None).unwrap();
    let (code, said) = status(&home);
    assert!(code == Some(78) && said.contains("the symbolic link"), "{said}");
}
