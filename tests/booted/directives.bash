# Each line of the sandbox alone, taken from the unit: without it the probe may, with it the probe may not. Shows that
# this systemd puts each of them into force, whatever the others do.

unit=$root/usr/lib/systemd/system/vault-unseal.service
# What ProtectClock= and SystemCallArchitectures= deny is denied to all containers: seen is the filter that they add.
# Directive, what else the service has in both runs, and what it denies.
proofs='UMask||leave a file that others can read
NoNewPrivileges||gain privileges by executing
CapabilityBoundingSet||any capability (CapBnd)
ProtectSystem||write /var/lib
ProtectHome||see into /root
PrivateTmp||see /tmp of the machine
PrivateMounts||share mounts with the machine
PrivateDevices||see the console
DevicePolicy||open any device
PrivateIPC||share memory with the machine
ProtectProc|--property=User=somebody|see other processes
ProcSubset||see what the kernel tells in /proc
ProtectClock||call the kernel as the machine may
ProtectControlGroups||make a control group
ProtectHostname||change the host name
ProtectKernelLogs||read kernel messages
ProtectKernelModules||see kernel modules
ProtectKernelTunables||see the symbols of the kernel
LockPersonality||change the personality
MemoryDenyWriteExecute||map memory writable and executable
MemoryDenyWriteExecute||make memory executable
NoExecPaths||execute a file of its own
RestrictNamespaces||new user namespace
RestrictNamespaces||new mount namespace
RestrictRealtime||real-time scheduling
RestrictSUIDSGID||set-user-id file
RestrictAddressFamilies||socket AF_PACKET
IPAddressDeny||send to multicast
SystemCallArchitectures||call the kernel as the machine may
SystemCallFilter|--property=SystemCallErrorNumber=EPERM|trace the server
SystemCallFilter|--property=SystemCallErrorNumber=EPERM|mount
SystemCallFilter|--property=SystemCallErrorNumber=EPERM|change its priority
SystemCallFilter|--property=SystemCallErrorNumber=EPERM|change its root
LimitCORE||dump core'
# The rest. Empty is systemd's own setting: AmbientCapabilities. Looked at in the daemon as it runs: DynamicUser,
# LimitMEMLOCK, MemorySwapMax, PrivateUsers (identity maps root, too; 252 does not know it). Parts of lines above: ExecPaths, IPAddressAllow, SystemCallErrorNumber. With DynamicUser= always:
# RemoveIPC.
elsewhere='AmbientCapabilities|PrivateUsers|DynamicUser|ExecPaths|LimitMEMLOCK|MemorySwapMax|IPAddressAllow|SystemCallErrorNumber|RemoveIPC'

probed() { inside systemd-run --quiet --wait --pipe "$@" "${probe[@]}" 2>&1; }
denies() { # DIRECTIVE ELSE WHAT
    local lines line other=()
    [ -z "$2" ] || other=("$2")
    mapfile -t lines < <(sed -n "s/^$1=/--property=&/p" "$unit")
    [ "$1" != IPAddressDeny ] || mapfile -t -O "${#lines[@]}" lines < <(sed -n 's/^IPAddressAllow=/--property=&/p' "$unit")
    [ "$1" != NoExecPaths ] || lines+=("--property=$(grep ^ExecPaths= "$unit") /usr/bin/perl")
    printf '%s\n' "${lines[@]}"
    grep -Fqx "$3: allowed" <<<"${control[_$2]}" || { echo 'denied without it too'; return 1; }
    line=$(probed "${other[@]}" "${lines[@]}" | grep -F "$3: ")
    is "$3: denied" echo "$line"
}

part 'each line of the sandbox'
declare -A control
control[_]=$(probed)
for other in --property=User=somebody --property=SystemCallErrorNumber=EPERM; do control[_$other]=$(probed "$other"); done
while IFS='|' read -r directive other what; do
    if [ "$suite:$directive" = bookworm:PrivateUsers ]; then
        skip "$directive= denies: $what" 'systemd 252 does not know identity'
        continue
    fi
    check "$directive= denies: $what" denies "$directive" "$other" "$what"
done <<<"$proofs"
unproved() {
    sed -n '/^DynamicUser=/,/^\[Install\]/s/^\([A-Za-z]*\)=.*/\1/p' "$unit" | sort -u |
        grep -vEx "$elsewhere" | grep -vFx -f <(cut -d'|' -f1 <<<"$proofs")
    return 0
}
check 'each line of the sandbox has its proof' is '' unproved
