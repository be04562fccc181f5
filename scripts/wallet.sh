#!/usr/bin/env bash
# Runs a verb of the wallet command, from any directory: wallet.sh VERB ENV [flags]. The
# scripts beside it are its doors.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
make --no-print-directory --silent --directory "$root" build/wallet >&2
verb=$1
shift
case "${1-ENV}" in ENV | -*) set -- ENV "$@" ;; esac
exec "$root/build/wallet" --root "$root" "$1" "$verb" "${@:2}"
