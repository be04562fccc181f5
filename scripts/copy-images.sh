#!/usr/bin/env bash
# Copies the two images of a release into another region's repositories. ECR does that
# by itself only for what is pushed after its replication was set up
# (https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/copy-images.sh ENV TAG REGION

Copies the service's and the migrations' image TAG of the environment ENV into the
repositories of REGION, with their digests unchanged. What is there already is left:
tags are immutable. Needs Docker with buildx, and the credentials of the account.
TEXT
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
esac
if [ $# -ne 3 ] || [ -z "$1" ] || [ -z "$2" ] || [ -z "$3" ]; then
  usage >&2
  exit 1
fi
facts=$(go tool wallet "$1" pipeline)
fact() { sed -n "s/^$1=//p" <<< "$facts"; }
from=$(fact registry)
account=$(aws sts get-caller-identity --query Account --output text) || exit 1
if [ "$account" != "$(fact account)" ]; then
  echo "copy-images: these credentials are of the account $account, not of $(fact account)" >&2
  exit 1
fi
to="$(fact account).dkr.ecr.$3.amazonaws.com"
aws ecr get-login-password --region "$(fact region)" | docker login --username AWS --password-stdin "$from"
aws ecr get-login-password --region "$3" | docker login --username AWS --password-stdin "$to"
for repository in "$(fact service_repository)" "$(fact migrations_repository)"; do
  if aws ecr describe-images --region "$3" --repository-name "$repository" --image-ids "imageTag=$2" > /dev/null 2>&1; then
    echo "$repository:$2 is in $3 already"
    continue
  fi
  # An image stays what it is and is not wrapped into an index: its digest is what was tested.
  docker buildx imagetools create --prefer-index=false --tag "$to/$repository:$2" "$from/$repository:$2"
done
# No task starts without the collector, which is known by its digest.
repository=$(fact collector_repository) digest=$(fact collector_digest)
if aws ecr describe-images --region "$3" --repository-name "$repository" --image-ids "imageDigest=$digest" > /dev/null 2>&1; then
  echo "$repository@$digest is in $3 already"
else
  docker buildx imagetools create --prefer-index=false --tag "$to/$repository:${digest/:/-}" "$from/$repository@$digest"
fi
