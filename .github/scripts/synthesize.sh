#!/usr/bin/env bash
# usage: synthesize.sh BASE DIR
# Writes the templates of this checkout to DIR/head/ENV, strictly validated, and
# those of the commit BASE to DIR/base/ENV.
set -euo pipefail
base=$1
mkdir -p "$2"
dir="$(cd "$2" && pwd)"
cdk="$PWD/node_modules/.bin/cdk"

go run ./cmd/pipeline --list > "$dir/environments"
rm -rf build/base
git worktree prune
git worktree add --quiet --detach build/base "$base"
while read -r environment; do
  "$cdk" synth --quiet --output "$dir/head/$environment" -c "env=$environment"
  if [ -f "build/base/config/$environment.go" ]; then
    # It was validated when it was new.
    (cd build/base && CDK_VALIDATION=false "$cdk" synth --quiet --output "$dir/base/$environment" -c "env=$environment")
  fi
done < "$dir/environments"
git worktree remove --force build/base
