#!/usr/bin/env bash
# deploy/make-ca.sh: the certificate is signed by the authority and names what was asked for; a second run
# keeps the authority.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make_ca="$LOUPE_SOURCE/deploy/make-ca.sh"

"$make_ca" "$dir/certs" loupe.example.org 10.0.0.7 > /dev/null
openssl verify -CAfile "$dir/certs/ca.pem" -verify_hostname loupe.example.org "$dir/certs/server.pem"
openssl verify -CAfile "$dir/certs/ca.pem" -verify_ip 10.0.0.7 "$dir/certs/server.pem"
if openssl verify -CAfile "$dir/certs/ca.pem" -verify_hostname other.example.org "$dir/certs/server.pem" \
  2> /dev/null; then
  echo "a name that was not asked for is accepted" >&2
  exit 1
fi
test "$(stat -c %a "$dir/certs/server.key")" = 600
before=$(sha256sum < "$dir/certs/ca.pem")
"$make_ca" "$dir/certs" other.example.org > /dev/null
test "$before" = "$(sha256sum < "$dir/certs/ca.pem")"
openssl verify -CAfile "$dir/certs/ca.pem" -verify_hostname other.example.org "$dir/certs/server.pem"
if "$make_ca" "$dir/certs" 2> /dev/null; then
  echo "a run without a name is accepted" >&2
  exit 1
fi
