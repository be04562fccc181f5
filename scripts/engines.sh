#!/usr/bin/env bash
# engines.sh install: brings, on Debian, the programs by which `make engines` judges the
# platform. What is there already is left.
set -euo pipefail
if [ "${1:-}" != install ] || [ $# -ne 1 ]; then
  sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 1
fi
if command -v mariadbd > /dev/null || [ -x /usr/sbin/mariadbd ]; then exit 0; fi
as=()
if [ "$(id -u)" -ne 0 ]; then as=(sudo --non-interactive); fi
"${as[@]}" apt-get update -qq
# Debian 12's: MariaDB 10.11. The package would start a server of its own.
"${as[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq --yes --no-install-recommends mariadb-server > /dev/null
