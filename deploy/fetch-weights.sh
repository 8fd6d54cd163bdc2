#!/usr/bin/env bash
# Fetches public weights to start from, checks them, and imports them into a project, as the model
# `pretrained`.
#
#   deploy/fetch-weights.sh PRESET [OPTION...]    PRESET: a preset of Loupe, such as small or resnet50-fpn
#                                                 OPTION: of `loupe`: --dir DIR, --project NAME, --server …
#
# They are torchvision's: for resnet50-fpn and mobilenet-v3-large-320-fpn a detector trained on COCO, for the
# others a ResNet trained on ImageNet. Their terms are torchvision's and those of the data sets.
# LOUPE_WEIGHTS_URL: another address, of a folder with the same files, or of one file (…/NAME-12345678.pth:
# the digits begin its SHA-256). LOUPE_WEIGHTS_DIR: where files are kept; default ~/.cache/loupe/weights.
set -euo pipefail
url=${LOUPE_WEIGHTS_URL:-https://download.pytorch.org/models}
folder=${LOUPE_WEIGHTS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/loupe/weights}
preset=${1:-}
usage() {
  echo "usage: deploy/fetch-weights.sh PRESET [OPTION of loupe...]"
  echo "  PRESET: small, resnet18-fpn, resnet34-fpn, resnet50-fpn, resnet101-fpn or"
  echo "          mobilenet-v3-large-320-fpn"
  echo "  OPTION: --dir DIR, --project NAME, --name NAME (pretrained), --server ADDR, …"
  echo "  LOUPE_WEIGHTS_URL: another address; LOUPE_WEIGHTS_DIR: where files are kept"
}
case "$preset" in
  small | resnet18-fpn) file=resnet18-f37072fd.pth ;;
  resnet34-fpn) file=resnet34-b627a593.pth ;;
  resnet50-fpn) file=fasterrcnn_resnet50_fpn_coco-258fb6c6.pth ;;
  resnet101-fpn) file=resnet101-63fe2227.pth ;;
  mobilenet-v3-large-320-fpn) file=fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
shift
case "$url" in
  *.pth) file=${url##*/} ;;
  *) url=${url%/}/$file ;;
esac

fail() {
  echo "fetch-weights.sh: $*" >&2
  exit 1
}

# The first eight digits of its SHA-256 are in the file's name.
digits=$(sed -nE 's/.*-([0-9a-f]{8})\.pth$/\1/p' <<< "$file")
[ -n "$digits" ] || fail "$file: the name must end in -12345678.pth, the first digits of its SHA-256"
is_whole() { [ "$(sha256sum < "$1" | cut -c 1-8)" = "$digits" ]; }

command -v curl > /dev/null || fail "curl is needed: apt-get install curl"
mkdir -p "$folder"
if [ ! -f "$folder/$file" ] || ! is_whole "$folder/$file"; then
  part=$(mktemp "$folder/.$file.XXXXXX")
  trap 'rm -f "$part"' EXIT
  curl -fsSL --retry 3 --connect-timeout 20 -o "$part" "$url" ||
    fail "$url can't be fetched; LOUPE_WEIGHTS_URL names another address"
  is_whole "$part" || fail "what $url sent isn't $file: its SHA-256 doesn't begin with $digits"
  chmod 644 "$part"
  mv "$part" "$folder/$file"
fi
loupe=loupe
here=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v loupe > /dev/null && [ -x "$here/build/release/bin/loupe" ]; then
  loupe=$here/build/release/bin/loupe
fi
case " $* " in *" --name "* | *" --name="*) ;; *) set -- --name pretrained "$@" ;; esac
exec "$loupe" model import --weights "$folder/$file" --preset "$preset" "$@"
