//! Why a target cannot be spoken with, in words of ours: what libraries say repeats addresses, and names in them.

use super::names::Unnamed;
use std::error::Error;
use std::io;
use vault_unseal::external::error;

/// What is said of TLS that did not come about.
pub(super) const NO_TLS: &str = "its certificate is not accepted, or it speaks no TLS";
/// What to do then.
pub(super) const TLS_ADVICE: &str = "Does the certificate have the name by which it is asked, and has it not ended? If its authority is \
                                     your own, name that: tls = { ca_file = \"/…\" }. `openssl s_client` shows what it presents; one \
                                     that is an authority itself is not taken for a server's.";

/// What to do where a name has no address.
pub(super) const NAME_ADVICE: &str = "Look whether this machine can resolve names: getent hosts NAME. Where a proxy is needed, \
                                      it is named by HTTPS_PROXY in the unit.";

/// TLS is what failed.
pub(super) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    find(error, &|cause| cause.is::<rustls::Error>().then_some(())).is_some()
}

/// There is no address for the name.
pub(super) fn is_name(error: &(dyn Error + 'static)) -> bool {
    find(error, &|cause| cause.is::<Unnamed>().then_some(())).is_some()
}

/// What the system said.
pub(super) fn of_system(error: &(dyn Error + 'static)) -> Option<String> {
    let words = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().filter(|io| io.raw_os_error().is_some()).map(error::io)
    };
    find(error, &words)
}

/// What is wanted of an error, its causes, and what errors of the system wrap, which is not among their causes.
fn find<T>(cause: &(dyn Error + 'static), wanted: &dyn Fn(&(dyn Error + 'static)) -> Option<T>) -> Option<T> {
    wanted(cause)
        .or_else(|| find(cause.downcast_ref::<io::Error>()?.get_ref()?, wanted))
        .or_else(|| find(cause.source()?, wanted))
}
