#!/usr/bin/env bash
# Returns to an earlier release: scripts/rollback.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
make --no-print-directory --silent --directory "$root" build/deliver >&2
exec "$root/build/deliver" --root "$root" rollback "$@"
