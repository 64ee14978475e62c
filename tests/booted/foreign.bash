# Executables of another architecture, run by qemu-user wherever on this machine they are started. The kernel knows one
# list of interpreters: what was on it before is used and left there, what is added is taken off it again.

interpreters=/proc/sys/fs/binfmt_misc
registered=''

# Flag F: the kernel opens qemu now, so that it need not be in the file system of whoever starts something.
foreign_begin() { # qemu's name of the architecture
    [ "$1" != "$(uname -m)" ] || return 0
    # One at a time: the first to end would take the interpreter away from the other.
    exec 8>/run/lock/vault-unseal-binfmt
    flock --timeout 1800 8 || { echo "booted: another run holds /run/lock/vault-unseal-binfmt for half an hour" >&2; return 1; }
    mounted=''
    mountpoint --quiet "$interpreters" || { mount -t binfmt_misc binfmt_misc "$interpreters" && mounted=yes; }
    if [ ! -e "$interpreters/qemu-$1" ]; then
        cat "/usr/lib/binfmt.d/qemu-$1.conf" >"$interpreters/register"
        registered=$interpreters/qemu-$1
    fi
    grep -q '^flags:.*F' "$interpreters/qemu-$1" ||
        { echo "booted: $interpreters/qemu-$1 lacks the flag F: apt-get install qemu-user-static" >&2; return 1; }
}

# What units cannot have where qemu translates, in the machine that is in $root.
foreign_units() {
    # It takes memory that is written and executed.
    mkdir -p "$root/etc/systemd/system/"{service.d,vault.service.d}
    printf '[Service]\nMemoryDenyWriteExecute=no\n' >"$root/etc/systemd/system/service.d/qemu.conf"
    # HashiCorp Vault reserves 100 GB of addresses for its storage, which qemu has not.
    printf '[Service]\nEnvironment=VAULT_RAFT_INITIAL_MMAP_SIZE=1073741824\n' \
        >"$root/etc/systemd/system/vault.service.d/qemu.conf"
}

foreign_end() {
    [ -z "$registered" ] || echo -1 >"$registered"
    [ -z "${mounted:-}" ] || umount "$interpreters"
    registered='' mounted=''
    exec 8>&-
}
