#!/bin/sh
# Makes JavaScript of the protocol's messages and services, in gen/.
set -eu
protocol=${LOUPE_SOURCE:-../../..}/proto
mkdir -p gen
protoc -I "$protocol" --plugin=node_modules/.bin/protoc-gen-es --es_out gen \
  --es_opt target=js,import_extension=js \
  "$protocol"/loupe/v1/*.proto "$protocol"/google/rpc/error_details.proto
