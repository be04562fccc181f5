#!/usr/bin/env bash
# usage: classify.sh ARTIFACTS REPORT BASE [ENV...]
# Classifies what ARTIFACTS/templates/head/ENV would change, and writes the report.
# It is compared with what is deployed (ARTIFACTS/deployed-ENV) or, where that could
# not be read, with the commit BASE (ARTIFACTS/templates/base/ENV). The BASE "deployment"
# is for a deployment, which may go on where one before it was stopped. Ends with
# status 13 when a change needs an acknowledgement that it does not have.
set -euo pipefail
artifacts=$1
report=$2
base=$3
shift 3
if [ $# -eq 0 ]; then
  mapfile -t environments < <(go run ./cmd/pipeline --list)
  set -- "${environments[@]}"
fi

if [ -z "$base" ]; then
  echo "classify.sh: BASE: want a commit or the word deployment, got nothing" >&2
  exit 1
fi

# Not `go run`: it turns every status into 1.
resumed=()
if [ "$base" = deployment ]; then resumed=(--resumed); fi
go build -o build/changes ./cmd/changes
mkdir -p build/nothing
: > "$report"
verdict=0
for environment in "$@"; do
  against="$artifacts/deployed-$environment" of="what is deployed"
  if [ ! -d "$against" ]; then
    against="$artifacts/templates/base/$environment" of="the templates of ${base:0:9}"
  fi
  if [ ! -d "$against" ]; then
    against=build/nothing of="nothing: the environment is new"
  fi
  printf '## %s\n\nCompared with %s.\n\n' "$environment" "$of" >> "$report"
  status=0
  build/changes --base "$against" --head "$artifacts/templates/head/$environment" \
    --format markdown "${resumed[@]}" >> "$report" || status=$?
  case "$status" in
    0) ;;
    13) verdict=13 ;;
    *) exit "$status" ;;
  esac
  echo >> "$report"
done
exit "$verdict"
