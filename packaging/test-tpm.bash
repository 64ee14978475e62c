#!/bin/bash
# The package vault-unseal-tpm, on a software TPM: a part of packaging/test, which has the functions and variables.
# shellcheck disable=SC2154

# Of this machine, also for what is inside a root file system: they share its network.
start_tpm() {
    local port=$((12000 + $$ % 4000 * 2))
    tcti=swtpm:host=127.0.0.1,port=$port
    mkdir "$scratch/tpm"
    swtpm socket --tpm2 --flags not-need-init,startup-clear --tpmstate "dir=$scratch/tpm" \
        --server "type=tcp,port=$port,bindaddr=127.0.0.1,disconnect" \
        --ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" >"$scratch/tpm.log" 2>&1 &
    tpm=$!
    until (: <>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; do
        kill -0 "$tpm" || { cat "$scratch/tpm.log"; return 1; }
    done
}

seals_and_opens() { # command that runs vault-unseal-tpm
    "$@" seal --tcti "$tcti" <"$scratch/shares.json" >"$scratch/sealed" || return
    ! grep --quiet keys_base64 "$scratch/sealed" || return
    opens "$scratch/sealed" "$@"
}
opens() { # sealed file, command that runs vault-unseal-tpm
    "${@:2}" open --tcti "$tcti" <"$1" | cmp - "$scratch/shares.json"
}
refuses() { # text, command…: which fails
    local text=$1
    shift
    ! "$@" >"$scratch/said" 2>&1 || { cat "$scratch/said"; return 1; }
    said "$text"
}

extracted() { # architecture, directory: the packages and what apt finds that they depend on, all of it unpacked
    local daemon helper
    daemon=$(package "$1")
    helper=$(package "$1" vault-unseal-tpm)
    # mmdebstrap looks for a file at the same place inside.
    packaging/debian-sources bookworm | mmdebstrap --quiet --variant=extract --skip=check/qemu --architectures="$1" \
        --setup-hook="install -D --target-directory=\"\$1$packages\" '$daemon' '$helper'" \
        --include="$daemon" --include="$helper" bookworm "$2" -
}

# What cannot run here by itself, in the emulator, with the libraries of its architecture.
helpers() {
    local architecture machine place run
    while read -r architecture _ _ machine; do
        case $architecture in '#') continue ;; esac
        check "$architecture: there is a package for the TPM" test -n "$(package "$architecture" vault-unseal-tpm)"
        check "$architecture: a bill of materials is beside it" jq --exit-status \
            '.bomFormat == "CycloneDX" and any(.components[]; .name == "tss-esapi")' \
            "$packages/$(basename "$(package "$architecture" vault-unseal-tpm)" .deb).cdx.json"
        [ "$architecture" != amd64 ] || continue
        place=$scratch/tpm-$architecture
        check "$architecture: Debian has what it depends on" extracted "$architecture" "$place"
        run=(env --ignore-environment "$(command -v "qemu-$machine-static")" -L "$place"
            "$place/usr/libexec/vault-unseal/vault-unseal-tpm")
        check "$architecture: the helper seals to a TPM and opens" seals_and_opens "${run[@]}"
        check "$architecture: the helper opens what another architecture sealed" opens "$scratch/sealed-once" "${run[@]}"
        rm -rf --one-file-system "$place"
    done <packaging/architectures
}

unseals_by_tpm() {
    seal || return
    inside sh -c 'vault-unseal run 2>/tmp/daemon.log & vault-unseal wait --timeout 50s || { cat /tmp/daemon.log; false; }' &&
        unsealed
}

# In the root file system of a release, with the daemon installed and no configuration.
with_a_tpm() { # release
    local release=$1 helper=/usr/libexec/vault-unseal/vault-unseal-tpm enroll
    cp "$scratch/shares.json" "$root/root/init.json"
    cp "$(package amd64 vault-unseal-tpm)" "$root/first-tpm.deb"
    later first-tpm later-tpm
    cat >"$root/etc/vault-unseal/config.toml" <<END
[[cluster]]
nodes  = ["$address"]
shares = { tpm2 = "/etc/vault-unseal/shares.tpm2", tcti = "$tcti" }
END
    enroll=(inside vault-unseal enroll /root/init.json --tpm2 --tcti "$tcti" --keep)
    check "$release: nothing is sealed without the package for the TPM, which is named" \
        refuses 'Install the package vault-unseal-tpm: apt install' "${enroll[@]}"

    check "$release: it installs" inside apt-get install --yes --no-install-recommends /first-tpm.deb
    check "$release: the group is there that the service needs for the device" inside getent group tss
    check "$release: where there is no TPM the helper says so" \
        refuses '"kind":"tpm-absent"' inside "$helper" seal <"$scratch/shares.json"
    check "$release: the helper seals to a TPM and opens" seals_and_opens inside "$helper"
    [ -e "$scratch/sealed-once" ] || cp "$scratch/sealed" "$scratch/sealed-once"
    check "$release: the helper opens what was sealed elsewhere" opens "$scratch/sealed-once" inside "$helper"
    check "$release: enroll seals" "${enroll[@]}"
    check "$release: the daemon unseals a real server with what the TPM opens" unseals_by_tpm
    check "$release: the daemon and the helper are upgraded together" \
        inside apt-get install --yes --no-install-recommends /later.deb /later-tpm.deb
    check "$release: the daemon still unseals" unseals_by_tpm

    check "$release: the package for the TPM purges" inside dpkg --purge vault-unseal-tpm
    check "$release: nothing of it stays" test -z "$(find "$root/usr" "$root/var/lib/dpkg" -name '*vault-unseal-tpm*')"
    check "$release: nothing is opened without it, and it is named" \
        refuses 'Install the package vault-unseal-tpm: apt install' inside vault-unseal check
    rm "$root"/etc/vault-unseal/*
}
