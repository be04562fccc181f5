#!/usr/bin/env bash
# progress.sh WHAT COMMAND...: runs a command, and says every ten seconds that it still
# runs. Its exit status is the command's.
set -euo pipefail
if [ $# -lt 2 ]; then
  sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 1
fi
what=$1
shift
start=$SECONDS
# A sleep that outlives this must not keep the output open.
while sleep 10 > /dev/null; do echo "$what: $((SECONDS - start)) s" >&2; done &
trap 'kill %1' EXIT
"$@"
