//! Servers in Kubernetes: found by the headless service, with certificates that are for the other services alone.

use crate::place::Place;
use crate::support::certs::Validity;
use crate::support::server::is_active;

const NAME: &str = "dns+https://vault-internal.vault.svc.cluster.test:8200";
const FOUND_BY: &str = "vault-internal.vault.svc.cluster.test";
const SERVICE: &str = "vault.vault.svc.cluster.test";

#[test]
fn pods_whose_certificates_lack_the_name_they_are_found_by_are_unsealed_with_the_server_name_advised() {
    let Some(place) = Place::new() else { return };
    let [mut one, mut two] = [1, 2].map(|last| place.server(last, 8200, SERVICE));
    place.initialise(&mut [&mut one, &mut two]);
    let names = [SERVICE, "vault-active.vault.svc.cluster.test", "127.0.0.1", "::1"];
    for server in [&mut one, &mut two] {
        server.present(&place.authority.issue(&names, Validity::Now));
    }
    place.dns.addresses(FOUND_BY, &["127.0.1.1", "127.0.1.2"]);
    place.configure(&[NAME], "");
    let advice = format!("add `server_name = \"{SERVICE}\"` to `tls`");
    let check = String::from_utf8(place.verb(&["check"]).stdout).unwrap();
    assert_eq!(check.matches(&advice).count(), 2, "{check}");

    let mut daemon = place.run();
    let said = daemon.wait_for_line("https://127.0.1.1:8200: unreachable").text;
    assert!(said.contains(&format!("is not for this name ({FOUND_BY}): it is for {SERVICE}, ")), "{said}");
    assert!(said.contains(", 127.0.0.1, ::1)"), "{said}");
    assert!(said.contains(&advice), "{said}");

    let set = |name: &str| {
        let more =
            format!("{}\ntls = {{ ca_file = \"ca.crt\", server_name = \"{name}\" }}", crate::place::OFTEN);
        place.home.configure(&[NAME], &more);
    };
    set("vault.elsewhere.test");
    let check = String::from_utf8(place.verb(&["check"]).stdout).unwrap();
    assert!(check.contains("is not for this name (vault.elsewhere.test)"), "{check}");
    assert!(
        check.contains("Set `server_name` in `tls` to a name that the certificates of all nodes have"),
        "{check}"
    );
    set(SERVICE);
    daemon.hangup();
    one.wait_until(is_active);
    two.wait_until(is_active);
    let check = String::from_utf8(place.verb(&["check"]).stdout).unwrap();
    assert!(check.contains("ok       https://127.0.1.2:8200"), "{check}");
}
