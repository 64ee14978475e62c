//! Where the documentation is that alerts lead to: site/address is its one definition.

/// As the packages install it (file:), or the site (https:).
pub(crate) fn address() -> &'static str {
    let address = include_str!("address").trim_end();
    let is_known = address.starts_with("file:///") || address.starts_with("https://");
    assert!(
        is_known && !address.ends_with('/'),
        "site/address: neither file:///… nor https://…, or a / behind it"
    );
    address
}
