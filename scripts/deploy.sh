#!/usr/bin/env bash
# Deploys an environment: scripts/deploy.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
make --no-print-directory --silent --directory "$root" build/deliver >&2
exec "$root/build/deliver" --root "$root" deploy "$@"
