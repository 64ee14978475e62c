# The packages from a signed apt repository, from a directory and over http: installed, upgraded, gone back, and what apt
# refuses. The machine begins without them, and has no other sources: there is no internet.

observer_too=${observer_package:+vault-unseal-observer}
names=(vault-unseal ${observer_too:+"$observer_too"})
mkdir -p "$work/target/packages"
cp "$package" ${observer_package:+"$observer_package"} "$work/target/packages"
first=$(dpkg-deb --field "$package" Version)
later=$first+later

# The same with another version, which takes no second build.
to_later() {
    local file
    for file in "$work"/target/packages/*.deb; do
        rm -rf "$work/later"
        dpkg-deb --raw-extract "$file" "$work/later" &&
            sed -i "s/^Version: .*/&+later/; s/vault-unseal (= $first)/vault-unseal (= $later)/" "$work/later/DEBIAN/control" &&
            dpkg-deb --root-owner-group -Znone --build "$work/later" "${file/"$first"/"$later"}" && rm "$file" || return 1
    done
}
keyring_version() { dpkg-deb --field "$work/repository/aptly/vault-unseal-archive-keyring.deb" Version; }
is_installed() { # VERSION
    local name
    for name in "${names[@]}"; do
        is "$1" inside dpkg-query --show --showformat='${Version}' "$name" || return 1
    done
}
kept() { is "$before" what_is_kept; }
what_is_kept() { sha256sum "$etc/config.toml" "$shares"; stat --format='%U %a' "$shares"; }

part 'a repository'
local_url=file:/srv/vault-unseal http_url=http://10.77.0.1:$port
key=$(new_key first 2y) second=$(new_key second never) stranger=$(new_key stranger never)
check 'without a key there is none' says 'which key signs the repository' eval "'$repository/x' repository '$work/none' 2>&1 || true"
check 'nor with half a fingerprint' says 'not a whole fingerprint' eval "publish $local_url ${key:24} 2>&1 || true"
check 'nor with a key that is not there' says 'no secret key' eval "publish $local_url 0000000000000000000000000000000000000000 2>&1 || true"
check 'made' publish "$local_url" "$key"
cp -a "$work/repository/public" "$work/of-first"
keyring=$(keyring_version)
check 'a later version' to_later
check 'added' publish "$local_url" "$key"
cp -a "$work/repository/public" "$work/of-later"
check 'the package of the keys is the same' is "$keyring" keyring_version
cp -a "$work/target/packages" "$work/target/good"
other_bytes() {
    local file
    file=$(find "$work/target/packages" -name 'vault-unseal_*.deb')
    # Longer than what it is padded to.
    dpkg-deb --raw-extract "$file" "$work/other" && head -c 100000 /dev/zero >"$work/other/other" &&
        dpkg-deb --root-owner-group -Znone --build "$work/other" "$file" && ! publish "$local_url" "$key"
}
check 'other bytes of the same version are refused' says 'there is one build' eval 'other_bytes 2>&1'
check 'and nothing is changed by that' diff --recursive --no-dereference "$work/of-later" "$work/repository/public"
check 'nor by what is built where the packages were' is '' find "$work/repository/aptly/pool" -type f -links +1
changed_where_it_is_served() {
    local file
    file=$(find "$work/repository/public/pool" -name 'vault-unseal_*+later*.deb')
    cp -p "$file" "$work/as-it-was" && printf X | dd of="$file" bs=1 seek=2000 conv=notrunc status=none || return 1
    publish "$local_url" "$key" && return 1
    mv "$work/as-it-was" "$file"
}
rm -r "$work/target/packages" && mv "$work/target/good" "$work/target/packages"
check 'a package that was changed where it is served is found' says 'exists and is different' \
    eval 'changed_where_it_is_served 2>&1'

part 'installed from a directory'
# Where Debian's packages come from cannot be reached from here.
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
serve "$work/of-first"
machine_up
check 'the machine boots, nothing fails' is running machine_booted
by_hand() {
    inside install -m 644 /srv/vault-unseal/vault-unseal-archive-keyring.pgp /usr/share/keyrings/ &&
        inside install -m 644 /srv/vault-unseal/vault-unseal.sources /etc/apt/sources.list.d/
}
check 'key and source, which run nothing' by_hand
check 'there is no package that nobody has signed' is '' find "$site" -maxdepth 1 -name '*.deb'
check 'apt reads the index' apt_get update
check 'the package of the keys comes from there, and asks nothing' apt_get install vault-unseal-archive-keyring
check 'it has key and source' says 'vault-unseal.sources' inside dpkg --listfiles vault-unseal-archive-keyring
check 'apt installs it' apt_get install "${names[@]}"
check 'it is the first version' is_installed "$first"
check 'nothing is started' is inactive inside systemctl is-active vault-unseal
configure
init_answer=$(bao operator init -key-shares=3 -key-threshold=2 -format=json)
give_shares "$init_answer"
before=$(what_is_kept)
check 'configured and enabled: it starts' inside systemctl enable --now vault-unseal
check 'unsealed' server_unsealed
machine_down
machine_up
check 'after a reboot, too' server_unsealed 90

part 'upgraded, and back'
serve "$work/of-later"
check 'apt reads the newer index' apt_get update
check 'which has both versions' has_versions "$later" "$first"
old=$(main_pid)
check 'apt upgrades' apt_get upgrade
check 'it is the later version' is_installed "$later"
check 'which runs' is_new_pid "$old"
check 'configuration and shares are as they were' kept
inside systemctl restart vault
check 'unsealed by it' server_unsealed
check 'apt goes back' apt_get install --allow-downgrades "${names[@]/%/=$first}"
check 'it is the first version again' is_installed "$first"
check 'configuration and shares are as they were' kept
check 'unsealed' server_unsealed

part 'over http'
check 'the repository gets another address' publish "$http_url" "$key"
check 'a new package of the keys has it' not quietly is "$keyring" keyring_version
serve "$work/repository/public"
web_on
check 'it is served' web_answers
check 'machines read it at the old address' apt_get update
check 'and are given the new one' apt_get install vault-unseal-archive-keyring
check 'their source is that' says "^URIs: $http_url$" cat "$sources"
check 'apt reads the index there' apt_get update
check 'by hash' says 'GET /dists/stable/main/binary-[a-z0-9]*/by-hash/SHA[0-9]+/' cat "$work/web"
check 'apt removes it' apt_get remove vault-unseal
check 'and installs it' apt_get install vault-unseal
check 'it is the later version' is "$later" inside dpkg-query --show --showformat='${Version}' vault-unseal
check 'configuration and shares are as they were' kept
inside systemctl restart vault
check 'unsealed' server_unsealed

good=$work/good
cp -a "$work/repository/public" "$good"
binary_of=dists/stable/main/binary-$architecture
altered() { # COMMAND…: in a copy of what is good, which is served then
    rm -rf "$work/altered"
    cp -a "$good" "$work/altered"
    (cd "$work/altered" && "$@") && serve "$work/altered"
}
of_another_version() { sed -i "s/^Label: .*/Label: other/" "$@"; }
without_inline() { rm dists/stable/InRelease && of_another_version dists/stable/Release; }
unsigned() { rm dists/stable/InRelease dists/stable/Release.gpg; }
of_a_stranger() {
    rm dists/stable/Release.gpg
    gpg --batch --quiet --yes --local-user "$stranger" --clear-sign --output dists/stable/InRelease dists/stable/Release
}
other_packages() {
    # As long as it was: what is found is not the length.
    find "$binary_of" -type f -name 'Packages*' -o -type f -path '*/by-hash/*' | while read -r file; do
        printf X | dd of="$file" bs=1 seek=40 conv=notrunc status=none
    done
}
other_package() { printf X | dd of="$(ls pool/main/v/vault-unseal/*+later*.deb)" bs=1 seek=2000 conv=notrunc status=none; }
not_installed() {
    local got
    forget
    apt_get update && got=$(apt_get install --reinstall --download-only vault-unseal 2>&1) && return 1
    grep -Eq 'Hash Sum mismatch' <<<"$got" || { printf '%s\n' "$got"; return 1; }
}
takes() { forget && apt_get update && has_versions "$later" "$first"; }

for url in "$local_url" "$http_url"; do
    part "refused, ${url%%:*}"
    sed -i "s,^URIs: .*,URIs: $url," "$sources"
    rm -f "$root"/var/cache/apt/archives/*.deb
    serve "$good"
    check 'what is good is taken' takes
    altered of_another_version dists/stable/InRelease
    check 'a signed index that was changed' refuses 'is not signed'
    serve "$good" && takes >/dev/null && altered of_another_version dists/stable/InRelease
    check 'apt goes on with what it has' says 'previous index files will be used|old ones used' apt_get update
    check 'and that is what it knows' has_versions "$later" "$first"
    altered without_inline
    check 'a changed index beside its signature' refuses 'is not signed'
    altered unsigned
    check 'an index without a signature' refuses 'is not signed'
    altered of_a_stranger
    check 'an index signed by another key' refuses 'is not signed'
    altered other_packages
    check 'a list of packages that was changed' refuses 'Hash Sum mismatch'
    altered other_package
    check 'a package that was changed' not_installed

    # Apt takes no index for one that it has a newer one of; a machine that has none cannot know. docs/development/repository.md
    serve "$good" && takes >/dev/null && serve "$work/of-first"
    check 'an older index is not refused' apt_get update
    check 'but ignored where a newer one was read' has_versions "$later" "$first"
    forget
    check 'where none was read' apt_get update
    check 'it is believed' has_versions "$first"
    echo 'Valid-Until-Max: 1' >>"$sources"
    check 'unless its age is limited' refuses 'is expired'
    sed -i '/^Valid-Until-Max/d' "$sources"
done

part 'another key'
check 'a second key is announced' publish "$http_url" "$key" --trust "$second"
serve "$work/repository/public"
check 'machines read that' eval 'forget; apt_get update'
check 'and know both then' apt_get install vault-unseal-archive-keyring
check 'the second key signs' publish "$http_url" "$second"
serve "$work/repository/public"
check 'machines take that' takes
check 'and forget the first' apt_get install vault-unseal-archive-keyring
serve "$good"
check 'which is refused from then on' refuses 'is not signed'

part 'a key that ends'
then_it_was=(--faked-system-time 20250101T000000)
ending=$(new_key ending 1y "${then_it_was[@]}")
known() { gpg --batch --yes --quiet --output "$root/usr/share/keyrings/vault-unseal-archive-keyring.pgp" --export "$ending"; }
in_its_time() {
    rm dists/stable/Release.gpg
    gpg --batch --quiet --yes "${then_it_was[@]}" --local-user "$ending" --clear-sign --output dists/stable/InRelease \
        dists/stable/Release 2>/dev/null
}
check 'one that has ended does not sign' says 'has expired' eval "publish $http_url $ending 2>&1 || true"
known
altered in_its_time
# gpgv judges by the key of today, sqv by the key of the day of the signature.
if [ "$suite" = bookworm ]; then
    check 'machines refuse what it signed before' refuses 'is not signed'
else
    check 'machines take what it signed before' takes
fi
gpg --batch --quiet --quick-set-expire "$ending" 10y 2>/dev/null
check 'prolonged, it signs' publish "$http_url" "$ending"
serve "$work/repository/public"
check 'which is refused where the end is as it was' refuses 'is not signed'
known
check 'and taken where it is known' takes

. "$here/lrstanley.bash"

part 'no longer wanted'
check 'the package of the keys goes' apt_get purge vault-unseal-archive-keyring
check 'with key and source' is '' find "$root/etc/apt" "$root/usr/share/keyrings" -name '*vault-unseal*'
check 'the server stays unsealed' is 200 server_health
check 'nothing failed' is '' inside systemctl list-units --failed --plain --no-legend
