# One line a result. Sourced by `run`.

passed=0 failed=0
began=$EPOCHREALTIME

# check WHAT COMMAND…: passes when the command does.
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        printf 'ok - %s\n' "$what"
    else
        failed=$((failed + 1))
        printf 'not ok - %s\n' "$what"
        printf '# %s\n' "$*"
        sed 's/^/#   /' <<<"$output" | tail -20
    fi
}

# skip WHAT WHY: cannot be shown on this machine. The file SKIPS is what `.ci/run` counts at its end.
skip() { printf 'skip - %s (%s)\n' "$1" "$2" | tee -a "${SKIPS:-/dev/null}"; }

# A title for what follows, with the seconds since the start.
part() { printf '# %s [%.0f s]\n' "$1" "$(bc_minus "$EPOCHREALTIME" "$began")"; }
bc_minus() { awk -v a="$1" -v b="$2" 'BEGIN { print a - b }'; }

# within SECONDS COMMAND…: repeats the command until it succeeds or the time is over.
within() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
        sleep 0.05
    done
}

# is WANTED COMMAND…: the command prints exactly this.
is() {
    local wanted=$1 got
    shift
    got=$("$@" 2>&1)
    [ "$got" = "$wanted" ] || { printf 'wanted: %s\ngot:    %s\n' "$wanted" "$got"; return 1; }
}

# says PATTERN COMMAND…: the command prints a line that matches.
says() {
    local pattern=$1 got
    shift
    got=$("$@" 2>&1)
    grep -Eq -- "$pattern" <<<"$got" || { printf 'wanted: %s\ngot:    %s\n' "$pattern" "$got"; return 1; }
}

# not COMMAND…: the command fails.
not() { ! "$@"; }

# quietly COMMAND…: without what it prints.
quietly() { "$@" >/dev/null 2>&1; }
