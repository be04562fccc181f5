#!/usr/bin/env bash
# Copies the telemetry collector into an environment's own registry, by its digest:
# scripts/collector.sh ENV. Needs Docker with buildx, and the AWS CLI.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() { sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; }
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  "" | -*) usage >&2; exit 1 ;;
esac
if [ $# -ne 1 ]; then usage >&2; exit 1; fi
facts=$(cd "$root" && go tool wallet "$1" pipeline)
fact() { sed -n "s/^$1=//p" <<<"$facts"; }
region=$(fact region) registry=$(fact registry) repository=$(fact collector_repository) digest=$(fact collector_digest)
account=$(aws sts get-caller-identity --query Account --output text) || exit 1
if [ "$account" != "$(fact account)" ]; then
  echo "collector: these credentials are of the account $account, not of $(fact account)" >&2
  exit 1
fi
there() { aws ecr describe-images --region "$region" --repository-name "$repository" --image-ids "imageDigest=$digest" --query 'imageDetails[0].imageDigest' --output text; }
if there 2> /dev/null; then
  echo "collector: it is there already"
  exit 0
fi
aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$registry"
# A copy of the index as it is: anything else would have another digest.
docker buildx imagetools create --prefer-index=false --tag "$registry/$repository:${digest/:/-}" "$(fact collector_source)"
docker logout "$registry"
there
