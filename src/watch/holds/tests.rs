use super::*;
use rustix::fs::{CWD, FileType, mknodat};
use std::fs::{self, File, Permissions};
use std::future::Future;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

fn key() -> NodeKey {
    NodeKey { cluster: "c".to_owned(), address: "http://v:8200".parse().unwrap() }
}

/// A directory as systemd makes it.
fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o750)).tempdir().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Books one hold of the key and writes it.
fn book(holds: HoldStore, hold: Hold) -> (Arc<HoldStore>, bool) {
    let holds = Arc::new(holds);
    holds.book(&key(), Some((hold, None)));
    let kept = block_on(holds.keep());
    (holds, kept)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// What a later run finds.
fn kept(directory: &Path) -> Option<Hold> {
    HoldStore::in_directory(directory).unwrap().of(&key()).map(|(hold, _)| hold)
}

#[test]
fn leftovers_of_crash_neither_stop_later_writes_nor_are_followed() {
    let (directory, elsewhere) = (directory(), tempfile::NamedTempFile::new().unwrap());
    let path = directory.path();
    fs::write(elsewhere.path(), "untouched").unwrap();
    fs::write(path.join(".holds.json.0123abcd.new"), "{\"held\":[{\"clus").unwrap();
    mknodat(CWD, path.join(".holds.json.00000000.new"), FileType::Fifo, 0o600.into(), 0).unwrap();
    symlink(elsewhere.path(), path.join(".holds.json.ffffffff.new")).unwrap();
    // The one name of earlier releases.
    symlink(elsewhere.path(), path.join(".holds.new")).unwrap();

    for hold in [Hold::Request, Hold::Seal] {
        assert!(book(HoldStore::in_directory(path).unwrap(), hold).1);
        assert_eq!(kept(path), Some(hold));
    }
    assert_eq!(fs::read_to_string(elsewhere.path()).unwrap(), "untouched");
    assert_eq!(names(path), [".holds.json.ffffffff.new", ".holds.new", FILE], "what was no link is removed");
    let file = fs::symlink_metadata(path.join(FILE)).unwrap();
    assert!(file.is_file() && file.mode() & 0o7777 == 0o600);
}

/// Puts something in the place of the file.
type Maker<'a> = &'a dyn Fn(&Path);

#[test]
fn file_that_is_none_or_too_large_is_refused_and_replaced() {
    let sparse = |path: &Path| File::create(path).unwrap().set_len(3 << 30).unwrap();
    let fifo = |path: &Path| mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
    let link = |path: &Path| symlink("/dev/zero", path).unwrap();
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());

    let makers: [(&str, Maker<'_>); 4] = [
        ("larger than 1048576 bytes", &sparse),
        ("not a regular file", &fifo),
        ("symbolic link", &link),
        ("not a regular file", &socket),
    ];
    for (why, make) in makers {
        let directory = directory();
        make(&directory.path().join(FILE));
        let error = HoldStore::in_directory(directory.path()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        book(HoldStore::none_in(directory.path()), Hold::Request);
        assert_eq!(kept(directory.path()), Some(Hold::Request));
    }
}

#[test]
fn directory_that_others_can_write_is_neither_read_nor_written() {
    let fit = directory();
    book(HoldStore::in_directory(fit.path()).unwrap(), Hold::Request);
    let text = fs::read(fit.path().join(FILE)).unwrap();
    let unfit = |change: &dyn Fn(&Path)| {
        let directory = directory();
        fs::write(directory.path().join(FILE), &text).unwrap();
        change(directory.path());
        let error = HoldStore::in_directory(directory.path()).unwrap_err().to_string();
        let (holds, kept) = book(HoldStore::none_in(directory.path()), Hold::Seal);
        assert!(!kept);
        assert_eq!(holds.of(&key()), Some((Hold::Seal, None)), "in memory it holds");
        assert_eq!(fs::read(directory.path().join(FILE)).unwrap(), text);
        assert_eq!(names(directory.path()), [FILE]);
        error
    };
    for mode in [0o770, 0o777, 0o1777, 0o752] {
        let error = unfit(&|path| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap());
        assert!(error.contains("can write to the runtime directory"), "{error}");
    }
    if rustix::process::geteuid().is_root() {
        let error = unfit(&|path| chown(path, Some(64_001), None).unwrap());
        assert!(error.ends_with("belongs to uid 64001"), "{error}");
    } else {
        eprintln!("a directory of somebody else is skipped: only root can give one away");
    }
}

#[test]
fn directory_of_dynamic_user_is_found_through_the_link_that_systemd_makes() {
    let (private, links) = (directory(), directory());
    let link = links.path().join("vault-unseal");
    symlink(private.path(), &link).unwrap();
    book(HoldStore::in_directory(&link).unwrap(), Hold::Request);
    assert_eq!(kept(private.path()), Some(Hold::Request));
}

/// Which file it is: each write makes another.
fn inode(directory: &Path) -> u64 {
    fs::metadata(directory.join(FILE)).unwrap().ino()
}

#[test]
fn one_write_is_for_all_who_wait_and_none_for_what_did_not_change() {
    let directory = directory();
    let path = directory.path();
    block_on(async {
        let holds = Arc::new(HoldStore::in_directory(path).unwrap());
        assert!(holds.keep().await);
        assert_eq!(names(path), Vec::<String>::new(), "there was nothing to write");
        let nodes: Vec<_> = (0..100)
            .map(|node| NodeKey { address: format!("http://v{node}:8200").parse().unwrap(), ..key() })
            .collect();
        let mut waiting = tokio::task::JoinSet::new();
        for node in nodes.clone() {
            let holds = Arc::clone(&holds);
            waiting.spawn(async move {
                holds.book(&node, Some((Hold::Seal, None)));
                holds.keep().await
            });
        }
        let mut inodes = std::collections::BTreeSet::new();
        while let Some(kept) = waiting.join_next().await {
            assert!(kept.unwrap());
            inodes.insert(inode(path));
        }
        assert!(inodes.len() <= 2, "{inodes:?}");
        let last = inode(path);
        holds.book_all(nodes.iter(), Some((Hold::Seal, None)), None);
        assert!(holds.keep().await);
        assert_eq!(inode(path), last, "nothing changed");
        let later = HoldStore::in_directory(path).unwrap();
        assert!(nodes.iter().all(|node| later.of(node).is_some()));
    });
}

#[test]
fn what_could_not_be_written_is_tried_again_with_the_next_order() {
    let directory = directory();
    let path = directory.path();
    block_on(async {
        let holds = Arc::new(HoldStore::in_directory(path).unwrap());
        let hold = || holds.book_all([&key()].into_iter(), Some((Hold::Request, None)), None);
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        hold();
        assert!(!holds.keep().await);
        assert!(!holds.keep().await, "it was tried");
        fs::set_permissions(path, Permissions::from_mode(0o750)).unwrap();
        assert_eq!(kept(path), None);
        hold();
        assert!(holds.keep().await);
        assert_eq!(kept(path), Some(Hold::Request));
    });
}

#[test]
fn the_file_is_written_while_the_loop_is_at_something_else() {
    let directory = directory();
    let path = directory.path();
    block_on(async {
        let holds = Arc::new(HoldStore::in_directory(path).unwrap());
        holds.book(&key(), Some((Hold::Request, None)));
        let mut keep = std::pin::pin!(holds.keep());
        let begun = keep.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(begun.is_pending());
        for _ in 0..3000 {
            if path.join(FILE).exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(kept(path), Some(Hold::Request));
        assert!(keep.await);
    });
}
