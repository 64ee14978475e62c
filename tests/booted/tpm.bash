# A TPM in software, in the machine's network, with its state in $work. Sourced by `run`.

tcti=swtpm:host=127.0.0.1,port=2321
board=$work/board-one
tpm=''

# Power on: the PCRs begin at zero, and the firmware measures what it starts.
tpm_on() { # WHAT is measured
    mkdir -p "$board"
    ip netns exec "$machine" swtpm socket --tpm2 --tpmstate "dir=$board" --flags not-need-init,startup-clear \
        --server type=tcp,port=2321,bindaddr=127.0.0.1,disconnect --ctrl type=tcp,port=2322,bindaddr=127.0.0.1 \
        </dev/null >>"$work/swtpm" 2>&1 &
    tpm=$!
    within 20 quietly tpm_tool tpm2_getcap properties-fixed || { cat "$work/swtpm"; return 1; }
    tpm_measure 0 firmware
    tpm_measure 7 "$1"
}

# What the kernel says to it before a machine goes down. Without it, as at a power cut, a TPM counts what may have been
# wrong authorizations, and locks itself after a few.
tpm_shutdown() { tpm_tool tpm2_shutdown --clear; }

tpm_off() {
    [ -n "$tpm" ] || return 0
    kill "$tpm"
    within 20 not quietly kill -0 "$tpm" || kill -KILL "$tpm" || true
    wait "$tpm" 2>/dev/null || true
    tpm=''
}

tpm_measure() { # PCR WHAT
    tpm_tool tpm2_pcrextend "$1:sha256=$(printf %s "$2" | sha256sum | cut -d' ' -f1)"
}

# There is no resource manager in front of it, and systemd 252 leaves its sessions.
tpm_flush() { for what in -t -l -s; do quietly tpm_tool tpm2_flushcontext $what || true; done; }

tpm_tool() { ip netns exec "$machine" env TPM2TOOLS_TCTI="$tcti" TSS2_LOG=all+NONE "$@"; }

# Off and on, with the machine.
reboot_with() { # WHAT the firmware measures
    machine_down
    tpm_shutdown
    tpm_off
    tpm_on "$1"
    machine_up
}
