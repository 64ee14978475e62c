#!/bin/bash
# The first boot: the server unsealed from the plain file, its shares sealed in both ways, the file shredded.
set -euo pipefail
. ./vm-first.bash
. ./vm-sealed.bash

check 'there is a TPM' test -c /dev/tpmrm0
check 'the firmware has measured' not quietly says '^ *0 *: 0x0*$' tpm2_pcrread sha256:0
case $(dpkg-deb --field ./helper Package 2>/dev/null) in
    vault-unseal-tpm) check 'the package of the helper installs' dpkg --install ./helper ;;
    *) install -D -m 755 ./helper /usr/libexec/vault-unseal/vault-unseal-tpm ;;
esac
cp -r examples /root/
plain=/etc/vault-unseal/shares.json
sed -n '/"unseal_keys_hex"/,/]/p' "$plain" | grep -oE '[0-9a-f]{66}' >/run/result/shares
# As the shares were, but it stays.
openssl rand -hex 33 >/run/result/kept
cp /run/result/kept /etc/vault-unseal/kept

check 'enroll --tpm2 --pcrs 0+7' vault-unseal enroll "$plain" --tpm2 --pcrs 0+7 --keep
check 'enroll --credential tpm2 --shred' vault-unseal enroll "$plain" --credential tpm2 --shred
check 'the plain file is gone' not test -e "$plain"
check 'the sealed file is for root alone' is '600 0 0' stat -c '%a %u %g' /etc/vault-unseal/shares.tpm2
source_is '{ tpm2 = "/etc/vault-unseal/shares.tpm2" }'
drop_in tpm2.conf
sync
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
