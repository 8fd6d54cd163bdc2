#!/bin/sh
# Makes TypeScript types of the protocol's messages and services, in gen/.
set -eu
protocol=${LOUPE_SOURCE:-../..}/proto
mkdir -p gen
protoc -I "$protocol" --plugin=node_modules/.bin/protoc-gen-es --es_out gen \
  --es_opt target=ts,json_types=true "$protocol"/loupe/v1/*.proto
