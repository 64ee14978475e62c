# Who follows a guide: one root shell in the machine, from each boot to the next, so that variables live as long as they
# do for everybody who types the same. Sourced by `follow`.

end_of_output=guide-$$-$RANDOM

# A login. The shell ends at the first command that fails.
reader_sits_down() {
    rm -f "$work/types" "$work/sees"
    mkfifo "$work/types" "$work/sees"
    inside bash -c 'cd && exec bash -euo pipefail /dev/stdin' <"$work/types" >"$work/sees" 2>&1 &
    exec 7>"$work/types" 8<"$work/sees"
}

# Types it, waits for the end and prints what came out.
reader_types() {
    local line seen=''
    printf 'eval "$(base64 --decode <<<%s)" </dev/null\nprintf "\\n%%s\\n" %s\n' \
        "$(base64 --wrap=0 <<<"$1")" "$end_of_output" >&7
    while IFS= read -r -t 180 line <&8; do
        if [ "$line" = "$end_of_output" ]; then
            printf '%s' "${seen%$'\n'}"
            return
        fi
        seen+=$line$'\n'
    done
    printf '%s' "$seen"
    return 1
}

# Types the commands of a block one by one, each to be answered by the lines below it. Comments that are
# printed begin with a capital or a number, commands do not.
reader_sees() {
    local line command='' wanted=''
    while IFS= read -r line; do
        if [[ $command == *\\ && -z $wanted ]]; then
            command+=$'\n'$line
        elif [[ $line == '# '* && $line != '# '[A-Z0-9]* ]]; then
            [ -z "$command" ] || reader_sees_one "$command" "$wanted" || return
            command=${line#'# '} wanted=''
        elif [ -n "$command" ]; then
            wanted+=$line$'\n'
        else
            printf 'no command before: %s\n' "$line"
            return 1
        fi
    done <<<"$1"
    reader_sees_one "$command" "$wanted"
}

reader_sees_one() { # COMMAND WANTED
    local got status=0
    got=$(reader_types "$1") || status=1
    # Spaces at the end of a line are not to be seen, nor are the carriage returns of apt's terminal.
    got=$(sed 's/[[:space:]]*$//' <<<"$got")
    if [ "$status" != 0 ] || ! [[ $got =~ ^$(reader_pattern "${2%$'\n'}")$ ]]; then
        printf '# %s\nwanted:\n%s\ngot:\n%s\n' "$1" "${2%$'\n'}" "$got"
        [ "$status" = 0 ] || printf '(it failed)\n'
        return 1
    fi
}

# Lines as a guide shows them, as a pattern.
reader_pattern() {
    local line pattern=''
    while IFS= read -r line; do
        if [ "$line" = … ]; then
            pattern+=$'(([^\n]*\n)*[^\n]*)\n'
        else
            line=$(sed 's/[][\\.*^$+?(){}|]/\\&/g; s/[[:space:]]*$//' <<<"$line")
            pattern+=${line//…/$'[^\n]*'}$'\n'
        fi
    done <<<"$1"
    printf '%s' "${pattern%$'\n'}"
}

# The machine's own way down and up again. Not behind `check`: what it sets is needed afterwards.
reader_reboots() {
    inside systemctl reboot
    exec 7>&- 8<&-
    machine_gone
    machine_up
}

# systemd's word on the boot, once all has started that is going to.
reader_finds() { inside timeout 120 systemctl is-system-running --wait || true; }
