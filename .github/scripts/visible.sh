#!/usr/bin/env bash
# usage: visible.sh API
# What the deployment's own smoke test cannot see from inside AWS: the public name,
# its certificate, and what the load balancer refuses.
set -euo pipefail
api=$1
failed=0

# expect PATTERN URL asks for a URL without following it.
expect() {
  local status
  status="$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 \
    --retry 5 --retry-delay 5 --retry-connrefused "$2")" || status="no answer (curl: $?)"
  if [[ "$status" =~ ^($1)$ ]]; then
    echo "ok       $2: $status"
  else
    echo "FAILED   $2: want $1, got $status"
    failed=1
  fi
}

expect '301' "http://$api/"
expect '404' "https://$api/nobody-named-this"
expect '403|404' "https://$api/q/health"
expect '403|404' "https://$api/metrics"
# A wallet that is not there is an answer of the service, which no error of the
# load balancer (5xx) is.
expect '[24][0-9][0-9]' "https://$api/api/v1/wallets/00000000-0000-0000-0000-000000000000"
exit "$failed"
