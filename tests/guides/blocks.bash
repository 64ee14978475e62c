# The fenced blocks of a guide, in order. Sourced by `follow`. Of each kind:
#
#   ```sh         root types all of it; every command has to succeed
#   ```console    root types what stands behind `# `, line by line, and sees exactly what stands below each; `…` is
#                 something within a line, a line of `…` alone is any lines. The command has to succeed: where it does
#                 not, the guide shows `… || echo "exit code $?"`
#                 (what begins with a capital or a number, as `# 1. …` does, is output: `check` prints such lines)
#   ```text       cannot be typed there, and the line before the block says "Not run by the test"
#
# `systemctl reboot` alone in a block reboots the machine; the guide goes on in a new login. There is no other kind.

block_kind=() block_line=() block_text=()

blocks_read() { # GUIDE: fills the three
    local line number=0 fence='' before='' text=''
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        case $fence,$line in
            ,'```sh' | ,'```console' | ,'```text')
                fence=${line#'```'}
                [ "$fence" != text ] || [[ $before == *'Not run by the test'* ]] ||
                    blocks_refuse "$1:$number: a block that is not run, and does not say so"
                block_kind+=("$fence") block_line+=("$number")
                text=''
                ;;
            ,*'```'*) blocks_refuse "$1:$number: $line: only sh, console and text, at the beginning of a line" ;;
            ,?*) before=$line ;;
            ,) ;;
            *,'```')
                block_text+=("${text%$'\n'}")
                fence=''
                ;;
            *) text+=$line$'\n' ;;
        esac
    done <"$1"
    [ -z "$fence" ] || blocks_refuse "$1: the last block has no end"
    [ ${#block_kind[@]} -gt 0 ] || blocks_refuse "$1: no block at all"
}

blocks_refuse() {
    printf '%s\n' "$1" >&2
    exit 1
}
