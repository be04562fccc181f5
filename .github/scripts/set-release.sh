#!/usr/bin/env bash
# usage: set-release.sh TAG
# Sets Site.ImageTag of every environment.
set -euo pipefail
tag=$1
if [[ ! "$tag" =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]]; then
  echo "set-release.sh: not a tag: $tag" >&2
  exit 1
fi
for file in config/*.go; do
  sed -i -E "s/^(\t+ImageTag:[[:space:]]+)\"[^\"]*\",/\1\"$tag\",/" "$file"
done
