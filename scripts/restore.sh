#!/usr/bin/env bash
# Restores the database beside the one that runs: scripts/restore.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
make --no-print-directory --silent --directory "$root" build/deliver >&2
exec "$root/build/deliver" --root "$root" restore "$@"
