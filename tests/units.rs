//! What the units must agree on among themselves. That they work is shown on a booted system: `tests/booted/run`.

const SERVICE: &str = include_str!("../systemd/vault-unseal.service");
const WAIT: &str = include_str!("../systemd/vault-unsealed-wait.service");

/// Those of the observer's package.
const OBSERVER: [&str; 3] = [
    include_str!("../systemd/vault-unseal-exporter.service"),
    include_str!("../systemd/vault-unseal-notify.service"),
    include_str!("../systemd/vault-unseal-textfile.service"),
];

/// The assignments from `DynamicUser=` to `[Install]`: who the process is and what it may do.
fn sandbox(unit: &str) -> Vec<&str> {
    unit.lines()
        .skip_while(|line| !line.starts_with("DynamicUser="))
        .take_while(|line| *line != "[Install]")
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect()
}

#[test]
fn the_waiting_service_has_the_daemons_sandbox() {
    assert!(sandbox(SERVICE).len() > 30, "{:?}", sandbox(SERVICE));
    assert_eq!(sandbox(SERVICE), sandbox(WAIT));
}

/// `yes` would show the owner of every server as nobody.
#[test]
fn both_services_see_the_accounts_that_servers_run_as() {
    for unit in [SERVICE, WAIT] {
        assert!(unit.contains("\nPrivateUsers=identity\n"));
        assert!(unit.contains("\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"));
    }
}

#[test]
fn the_waiting_service_gets_no_shares() {
    assert!(!WAIT.contains("Credential"));
}

#[test]
fn both_services_may_open_what_thousands_of_servers_take() {
    let limit = |unit: &'static str| unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE="));
    let (soft, hard) = limit(SERVICE).unwrap().split_once(':').unwrap();
    // Lower than the default of systemd's own would be one more limit, and not one less.
    assert!(soft == "1024" && hard.parse::<u32>().unwrap() >= 2 * 10_000, "{soft}:{hard}");
    assert_eq!(limit(SERVICE), limit(WAIT));
}

/// But for what each of them is for: whom it speaks with, what it executes, whom it knows.
#[test]
fn the_observer_s_services_have_the_daemon_s_sandbox() {
    let own =
        ["PrivateUsers", "NoExecPaths", "ExecPaths", "RestrictAddressFamilies", "IPAddress", "LimitMEMLOCK"];
    for unit in OBSERVER {
        let name = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        for line in sandbox(SERVICE) {
            let textfile =
                name.contains("--textfile") && (line == "DynamicUser=yes" || line == "RemoveIPC=yes");
            let programs = name.ends_with(" notify") && line == "MemoryDenyWriteExecute=yes";
            if !textfile && !programs && !own.iter().any(|own| line.starts_with(own)) {
                assert!(unit.lines().any(|other| other == line), "{name}: {line}");
            }
        }
        assert!(unit.contains("\nPrivateUsers=yes\n") && unit.contains("\nIPAddressDeny=any\n"), "{name}");
        assert!(
            !unit.lines().any(|line| line.starts_with("LoadCredential")),
            "{name}: gets nothing of the daemon's"
        );
    }
}

/// They have shares, too. What they are given by a library, a shell or a network is their own.
#[test]
fn the_services_that_open_shares_have_the_daemon_s_sandbox() {
    let own = [
        "PrivateUsers",
        "PrivateIPC",
        "RemoveIPC",
        "NoExecPaths",
        "ExecPaths",
        "RestrictAddressFamilies",
        "IPAddress",
        "LimitMEMLOCK",
        "AmbientCapabilities",
    ];
    let openers = [
        include_str!("../systemd/examples/shares-clevis@.service"),
        include_str!("../systemd/examples/shares-age@.service"),
    ];
    for unit in openers {
        for line in sandbox(SERVICE).into_iter().filter(|line| !own.iter().any(|own| line.starts_with(own))) {
            assert!(unit.lines().any(|other| other == line), "{line} is not in\n{unit}");
        }
        assert!(
            unit.contains("\nRestrictAddressFamilies=") && unit.contains("\nLimitCORE=0\nMemorySwapMax=0\n")
        );
        // One that failed would stay, each time it is asked.
        assert!(unit.contains("\nCollectMode=inactive-or-failed\n") && unit.contains("\nRuntimeMaxSec="));
    }
}
