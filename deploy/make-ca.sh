#!/usr/bin/env bash
# Makes a private certificate authority and a certificate for the coordinator.
#   deploy/make-ca.sh DIR NAME...    NAME: host names or IP addresses clients will use
# DIR/ca.pem goes to clients (--ca-cert), DIR/server.pem and DIR/server.key to the coordinator (--tls-cert,
# --tls-key); DIR/ca.key signs further certificates and belongs on no server. An authority that is there
# already is kept and only the coordinator's certificate made anew.
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "usage: deploy/make-ca.sh DIR NAME...    e.g. deploy/make-ca.sh certs loupe.example.org 10.0.0.7" >&2
  exit 2
fi
dir=$1
shift
umask 077
mkdir -p "$dir"

if [ ! -f "$dir/ca.key" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=Loupe private CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2> "$dir/openssl.log" || { cat "$dir/openssl.log" >&2; exit 1; }
fi

names=""
for name in "$@"; do
  kind=DNS
  case "$name" in *:* | [0-9]*.[0-9]*.[0-9]*.[0-9]*) kind=IP ;; esac
  names="$names${names:+,}$kind:$name"
done
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
  -keyout "$dir/server.key" -out "$dir/server.csr" 2> "$dir/openssl.log" ||
  { cat "$dir/openssl.log" >&2; exit 1; }
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n' "$names" \
  > "$dir/server.ext"
openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 825 \
  -extfile "$dir/server.ext" -out "$dir/server.pem" 2> "$dir/openssl.log" ||
  { cat "$dir/openssl.log" >&2; exit 1; }
rm -f "$dir/server.csr" "$dir/server.ext" "$dir/openssl.log"
chmod 0644 "$dir/ca.pem" "$dir/server.pem"
echo "made $dir/ca.pem (for clients), $dir/server.pem and $dir/server.key (for the coordinator) for: $*"
