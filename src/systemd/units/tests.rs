use super::*;
use std::fs;
use std::os::unix::fs::symlink;

/// A root directory with these files.
fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = crate::testing::directory();
    for (path, text) in files {
        let path = below(root.path(), Path::new(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

const SHIPPED: &str = "/usr/lib/systemd/system/a-b.service";

#[test]
fn drop_ins_apply_in_the_order_of_their_names_wherever_they_are() {
    let root = machine(&[
        (SHIPPED, "[Service]\nA=unit\nB=unit\n[Install]\nA=other\n"),
        ("/etc/systemd/system/a-b.service.d/20-second.conf", "[Service]\nA=second\n"),
        ("/usr/lib/systemd/system/a-b.service.d/10-first.conf", "[Service]\nA=first\nB=\n"),
        ("/run/systemd/system/a-.service.d/30-prefix.conf", "[Service]\nA=prefix\n"),
        ("/etc/systemd/system/service.d/40-all.conf", "[Service]\nA=all\n"),
        ("/usr/lib/systemd/system/a-b.service.d/20-second.conf", "[Service]\nA=overridden\n"),
        ("/etc/systemd/system/a-b.service.d/50-not.txt", "[Service]\nA=no\n"),
        ("/etc/systemd/system/b.service.d/60.conf", "[Service]\nA=no\n"),
    ]);
    let unit = Unit::load(root.path(), "a-b.service").unwrap();
    assert_eq!(unit.values("A"), ["unit", "first", "second", "prefix", "all"]);
    assert_eq!(unit.value("A"), Some("all"));
    assert_eq!((unit.values("B"), unit.value("B")), (vec![], None));

    // A link to /dev/null takes a drop-in away.
    let mask = root.path().join("etc/systemd/system/a-b.service.d/10-first.conf");
    symlink("/dev/null", mask).unwrap();
    let unit = Unit::load(root.path(), "a-b.service").unwrap();
    assert_eq!(unit.values("A"), ["unit", "second", "prefix", "all"]);
    assert_eq!(unit.value("B"), Some("unit"));
}

#[test]
fn the_first_file_counts_and_may_be_a_mask_or_a_link() {
    let root = machine(&[(SHIPPED, "[Service]\nA=shipped\n"), ("/etc/systemd/system/x", "")]);
    let own = root.path().join("etc/systemd/system/a-b.service");
    let value = || Unit::load(root.path(), "a-b.service").map(|unit| unit.value("A").map(str::to_owned));
    symlink("/dev/null", &own).unwrap();
    assert_eq!(value(), None);
    let all = UnitFile::all(root.path(), "a-b.service");
    let seen: Vec<_> = all.iter().map(|file| (file.path.to_str().unwrap(), file.masked)).collect();
    assert_eq!(seen, [("/etc/systemd/system/a-b.service", true), (SHIPPED, false)]);

    fs::remove_file(&own).unwrap();
    symlink("../../../opt/mine.service", &own).unwrap();
    assert_eq!(value(), Some(Some("shipped".into())), "a link to nowhere is no unit");
    fs::create_dir_all(root.path().join("opt")).unwrap();
    fs::write(root.path().join("opt/mine.service"), "[Service]\nA=mine\n").unwrap();
    assert_eq!(value(), Some(Some("mine".into())));
    fs::write(root.path().join("opt/mine.service"), "").unwrap();
    assert_eq!(value(), None, "an empty file masks too");
    assert!(Unit::load(root.path(), "none.service").is_none());
}

#[test]
fn a_credential_comes_from_where_the_last_assignment_says() {
    let origin = |lines: &str| {
        let root = machine(&[(SHIPPED, &format!("[Service]\n{lines}\n"))]);
        Unit::load(root.path(), "a-b.service").unwrap().credential("shares")
    };
    let file = |path: &str, encrypted, stand_in| {
        Some(CredentialOrigin::File { path: path.into(), encrypted, stand_in })
    };
    assert_eq!(origin(""), None);
    assert_eq!(origin("LoadCredential=others:/a"), None);
    assert_eq!(origin("LoadCredential=shares:/a\nSetCredential=shares:\\n"), file("/a", false, true));
    assert_eq!(origin("LoadCredential=shares:/a\nLoadCredential=shares:/b"), file("/b", false, false));
    assert_eq!(
        origin("LoadCredential=shares:/a\nLoadCredentialEncrypted=shares:/b"),
        file("/b", true, false)
    );
    assert_eq!(origin("LoadCredential=shares:/a\nLoadCredentialEncrypted="), None);
    assert_eq!(
        origin("LoadCredential=shares:/a\nLoadCredential=\nSetCredential=shares:x"),
        Some(CredentialOrigin::Unit)
    );
    assert_eq!(origin("SetCredential=shares:x\nSetCredential="), None);
    assert_eq!(origin("LoadCredential=shares"), file("shares", false, false));
    assert_eq!(origin("LoadCredential=\"shares:/my keys\""), file("/my keys", false, false));
}

/// What we tell an administrator to write is read as what it was written for.
#[test]
fn a_setting_of_ours_is_read_as_the_file_that_it_names() {
    for (name, path) in [("shares", "/a"), ("a\\b", "/a\\b"), ("a\"b", "/it's \"quoted\""), ("a%n'", "/50%'")]
    {
        let setting = crate::external::quote::load_credential(name, Path::new(path)).unwrap();
        let root = machine(&[(SHIPPED, &format!("[Service]\nLoadCredential={setting}\n"))]);
        let origin = Unit::load(root.path(), "a-b.service").unwrap().credential(name);
        let file = CredentialOrigin::File { path: path.into(), encrypted: false, stand_in: false };
        assert_eq!(origin, Some(file), "{setting}");
    }
}

#[test]
fn specifiers_are_expanded_where_every_machine_has_the_same() {
    let template = "/usr/lib/systemd/system/a-b@.service";
    let text = "[Service]\nLoadCredential=shares:%E/%p/%i/%I%%.json\nLoadCredential=%p-key:%N/%n\n\
                LoadCredential=late:/%H\nLoadCredential=ca:%S/%P\n";
    let drop_in = ("/etc/systemd/system/a-b@.service.d/more.conf", "[Service]\nA=template\nB=template\n");
    let of_instance = ("/etc/systemd/system/a-b@c\\x2dd.service.d/more2.conf", "[Service]\nA=instance\n");
    let of_prefix = ("/etc/systemd/system/a-@.service.d/z.conf", "[Service]\nC=prefix\n");
    let root = machine(&[(template, text), drop_in, of_instance, of_prefix]);
    let unit = Unit::load(root.path(), "a-b@c\\x2dd.service").unwrap();
    let origin = |name: &str| unit.credential(name);
    let file =
        |path: &str| Some(CredentialOrigin::File { path: path.into(), encrypted: false, stand_in: false });
    assert_eq!(origin("shares"), file("/etc/a-b/c\\x2dd/c-d%.json"));
    assert_eq!(origin("a-b-key"), file("a-b@c\\x2dd/a-b@c\\x2dd.service"));
    assert_eq!(origin("late"), Some(CredentialOrigin::Specifier("/%H".into())));
    assert_eq!(origin("ca"), file("/var/lib/a/b"));
    assert_eq!(origin("ca_one.pem"), None);
    assert_eq!(unit.credential_in_directory("ca_one.pem"), file("/var/lib/a/b/one.pem"));
    assert_eq!(unit.loaded_credentials(), ["shares", "a-b-key", "late", "ca"]);
    assert_eq!(
        ["A", "B", "C"].map(|key| unit.value(key)),
        [Some("instance"), Some("template"), Some("prefix")]
    );
}

#[test]
fn switches_know_the_words_of_systemd() {
    let root = machine(&[(SHIPPED, "[Service]\nA=yes\nB=On\nC=no\nD=yes\nD=\n")]);
    let unit = Unit::load(root.path(), "a-b.service").unwrap();
    assert_eq!(["A", "B", "C", "D", "E"].map(|key| unit.is_on(key)), [true, true, false, false, false]);
}

#[test]
fn unit_file_without_an_end_is_not_read() {
    let root = machine(&[("etc/systemd/system/a.service", "[Service]\nExecStart=/bin/a\n")]);
    let drop_ins = root.path().join("etc/systemd/system/a.service.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::File::create(drop_ins.join("huge.conf")).and_then(|file| file.set_len(3 << 30)).unwrap();
    let fifo = drop_ins.join("fifo.conf");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let unit = Unit::load(root.path(), "a.service").expect("the unit itself");
    assert_eq!(unit.values("ExecStart"), ["/bin/a"]);
    fs::File::create(root.path().join("etc/systemd/system/a.service"))
        .and_then(|file| file.set_len(3 << 30))
        .unwrap();
    assert!(Unit::load(root.path(), "a.service").is_none());
}
