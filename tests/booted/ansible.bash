# The controller: this machine, in the network of the hosts, with a home of its own. Sourced by role.bash.

role_directory=$repository/contrib/ansible/roles
plays=$top/plays said=$top/said
mkdir -p "$plays/files/shares" "$top/home" "$top/control"
: >"$said"

# The newest Ansible that this machine's Python takes, once; kept beside the other things that are fetched.
newest=2.19.14
newest_directory=$X_CACHE/ansible-core-$newest
newest_install() {
    [ ! -x "$newest_directory/bin/ansible-playbook" ] || return 0
    rm -rf "$newest_directory" "$newest_directory.part"
    # Debian's, in which Debian's Ansible runs as well. With --copies and a second install it could be moved; it is made in place.
    /usr/bin/python3 -m venv "$newest_directory" &&
        "$newest_directory/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: --require-hashes \
            --requirement "$here/ansible-requirements.txt" || { rm -rf "$newest_directory"; return 1; }
}
declare -A program=([debian]=/usr/bin [newest]=$newest_directory/bin)

# play WHICH PLAYBOOK OPTION…: all that it prints with -vvv --diff is kept, and looked into at the end.
play() {
    local status=0
    ip netns exec "$switch" env --ignore-environment PATH="${program[$1]}:/usr/bin:/bin" HOME="$top/home" LANG=C.UTF-8 TERM=dumb \
        ANSIBLE_ROLES_PATH="$role_directory" ANSIBLE_INVENTORY="$plays/hosts.yml" ANSIBLE_HOST_KEY_CHECKING=False \
        ANSIBLE_SSH_ARGS="-F none -o ControlMaster=auto -o ControlPersist=600 -o UserKnownHostsFile=$top/known" \
        ANSIBLE_SSH_CONTROL_PATH_DIR="$top/control" ANSIBLE_NOCOWS=1 ANSIBLE_DEPRECATION_WARNINGS=True \
        ANSIBLE_VAULT_PASSWORD_FILE="$plays/password" \
        ansible-playbook -vvv --diff "$plays/$2" "${@:3}" >"$top/last" 2>&1 </dev/null || status=$?
    cat "$top/last" >>"$said"
    [ "$status" = 0 ] || grep -v '^<' "$top/last" | grep -A 12 -e '^fatal' -e '^ERROR' -e '^\[ERROR' -e 'failed=' | tail -60
    return "$status"
}
# recap HOST: what changed and failed there in the last play.
recap() { sed -n "s/^$1 *: ok=[0-9]* *changed=\([0-9]*\) *unreachable=\([0-9]*\) *failed=\([0-9]*\).*/changed=\1 unreachable=\2 failed=\3/p" "$top/last"; }
unchanged() { # WHICH PLAYBOOK OPTION…
    play "$@" || return 1
    grep -A1 -e '^changed: ' "$top/last" | tail -20
    ! recap '[a-z0-9]*' | grep -v '^changed=0 unreachable=0 failed=0$' && [ -n "$(recap '[a-z0-9]*')" ]
}
# fails_with PATTERN WHICH PLAYBOOK OPTION…
fails_with() {
    if play "${@:2}" >/dev/null; then echo 'it did not fail'; return 1; fi
    grep -Eq -- "$1" "$top/last" || { grep -A 12 '^fatal' "$top/last"; return 1; }
}
# ran_handler NAME, in the last play
ran_handler() { sed -n "/^RUNNING HANDLER \[.*$1\]/,/^\(TASK\|PLAY\|RUNNING\)/p" "$top/last" | grep '^changed: '; }
