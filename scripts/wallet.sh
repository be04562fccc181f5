#!/usr/bin/env bash
# Runs a verb of the wallet command, from any directory: wallet.sh VERB ENV [flags]. The
# scripts beside it are its doors.
set -euo pipefail
if [ $# -eq 0 ]; then
  sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 1
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
make --no-print-directory --silent --directory "$root" build/wallet >&2
verb=$1
shift
case "${1-}" in
  "")
    "$root/build/wallet" ENV "$verb" --help >&2
    exit 1
    ;;
  -*) set -- ENV "$@" ;;
esac
exec "$root/build/wallet" --root "$root" "$1" "$verb" "${@:2}"
