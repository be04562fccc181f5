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
  mapfile -t environments < "$artifacts/templates/environments"
  set -- "${environments[@]}"
fi

if [ -z "$base" ]; then
  echo "classify.sh: BASE: want a commit or the word deployment, got nothing" >&2
  exit 1
fi

resumed=()
if [ "$base" = deployment ]; then resumed=(--resumed); fi
: > "$report"
verdict=0
for environment in "$@"; do
  against="$artifacts/deployed-$environment" of="what is deployed"
  if [ ! -d "$against" ]; then
    against="$artifacts/templates/base/$environment" of="the templates of ${base:0:9}"
  fi
  if [ ! -d "$against" ]; then
    against=none of="nothing: the environment is new"
  elif [ -f "$against/none" ]; then
    against=none of="nothing: no stack of it is deployed"
  fi
  printf '## %s\n\n' "$environment" >> "$report"
  if [ ! -d "$artifacts/templates/head/$environment" ]; then
    printf 'The environment is gone from config: nothing here deploys, watches or removes it any more. Remove what stands first, from a commit that knows it: go tool wallet %s destroy.\n\n' "$environment" >> "$report"
    verdict=13
    continue
  fi
  printf 'Compared with %s.\n\n' "$of" >> "$report"
  status=0
  go tool wallet "$environment" changes --base "$against" --assembly "$artifacts/templates/head/$environment" \
    --markdown "${resumed[@]}" >> "$report" || status=$?
  case "$status" in
    0) ;;
    13) verdict=13 ;;
    *) exit "$status" ;;
  esac
  echo >> "$report"
done
exit "$verdict"
