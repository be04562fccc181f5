#!/usr/bin/env bash
# Replaces the password of the cache or of Kafka: scripts/password.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
make --no-print-directory --silent --directory "$root" build/deliver >&2
exec "$root/build/deliver" --root "$root" password "$@"
