# An apt repository of the packages, as ./x repository makes it, with throw-away keys, and the ways to it. Sourced by `run`.

site=$root/srv/vault-unseal
port=8000
web='' moment=$EPOCHSECONDS
export GNUPGHOME=$work/gnupg

# Prints the fingerprint of a new key.
new_key() { # NAME END [OPTION…]
    [ -d "$GNUPGHOME" ] || mkdir -m 700 "$GNUPGHOME"
    gpg --batch --quiet "${@:3}" --passphrase '' \
        --quick-generate-key "$1 <$1@vault-unseal.example>" ed25519 sign "$2" 2>/dev/null
    gpg --batch --with-colons --list-secret-keys "$1@" 2>/dev/null | sed -n '/^fpr/ { s/^fpr:*//; s/:$//; p; q }'
}

# Publishes what is in $work/target/packages.
publish() { # URL KEY [MORE…]
    CARGO_TARGET_DIR=$work/target "$repository/x" --yes repository "$work/repository" --url "$1" --key "${@:2}"
}

# What is there from now on. No file is as old as what was there before: a server says "not modified" by that alone.
serve() { # DIRECTORY
    rm -rf "$site"
    cp -a "$1" "$site"
    moment=$((moment + 10))
    find "$site" -exec touch --no-dereference --date="@$moment" {} +
}

# Not by way of check, which would keep its number to itself.
web_on() {
    ip netns exec "$machine" python3 -m http.server --bind 10.77.0.1 --directory "$site" "$port" >"$work/web" 2>&1 </dev/null &
    web=$!
}
web_answers() {
    within 20 quietly ip netns exec "$machine" curl --silent --fail --output /dev/null "http://10.77.0.1:$port/"
}

web_off() {
    [ -n "$web" ] || return 0
    kill "$web" 2>/dev/null || true
    wait "$web" 2>/dev/null || true
    web=''
}

published_end() {
    web_off
    [ ! -d "$GNUPGHOME" ] || gpgconf --kill all || true
}

# In the machine, as its administrator.
apt_get() { inside env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o Dpkg::Use-Pty=0 "$@"; }
sources=$root/etc/apt/sources.list.d/vault-unseal.sources
# has_versions VERSION…: in the indexes that it has read, of the daemon, the newest first.
has_versions() { is "$*" eval "inside apt-cache madison vault-unseal | cut -d '|' -f 2 | xargs"; }
# As a machine that has never read an index.
forget() { rm -rf "${root:?}"/var/lib/apt/lists/*; }
# refuses PATTERN: a machine that has never read an index does not take this one, and apt says why.
refuses() {
    local got
    forget
    if got=$(apt_get update 2>&1); then printf 'taken:\n%s\n' "$got"; return 1; fi
    printf '%s\n' "$got"
    grep -Eq -- "$1" <<<"$got" && is '' find "$root/var/lib/apt/lists" -maxdepth 1 -name '*_Packages*'
}
