#!/usr/bin/env bash
# Tells an AWS account which GitHub workflows it may trust. An administrator runs
# it once for each account, before the CDK bootstrap, and again when
# constructs/identity or Site.GitHub changes. The pipeline never does.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/identity.sh ENV [diff|deploy]

Shows (diff, the default) or deploys the stack wallet-identity of the account that
holds the environment ENV, such as staging, with the administrator's credentials
that are in force. The stack is protected against deletion.
TEXT
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  "" | -*) usage >&2; exit 1 ;;
esac
if [ $# -gt 2 ]; then usage >&2; exit 1; fi
env=$1
action=${2-diff}
case "$action" in
  diff | deploy) ;;
  *) usage >&2; exit 1 ;;
esac

make --no-print-directory --silent node_modules/.package-lock.json >&2
# cdk.json's app is the environments'; its context is read by both.
exec npx cdk "$action" --app 'go run ./cmd/identity' --output build/identity -c "env=$env"
