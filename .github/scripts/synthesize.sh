#!/usr/bin/env bash
# usage: synthesize.sh BASE DIR
# Writes the templates of this checkout to DIR/head/ENV, strictly validated, those of
# the commit BASE to DIR/base/ENV, and the environments of both to DIR/environments.
set -euo pipefail
base=$1
mkdir -p "$2"
dir="$(cd "$2" && pwd)"
cdk="$PWD/node_modules/.bin/cdk"

rm -rf build/base
git worktree prune
git worktree add --quiet --detach build/base "$base"
head_environments=$(go tool wallet environments)
# A commit that has no such command yet is asked for the environments of this one.
base_environments=$(cd build/base && go tool wallet environments) || base_environments=$head_environments
for environment in $head_environments; do
  "$cdk" synth '**' --quiet --output "$dir/head/$environment" -c "env=$environment"
done
for environment in $base_environments; do
  # It was validated when it was new.
  (cd build/base && CDK_VALIDATION=false "$cdk" synth '**' --quiet --output "$dir/base/$environment" -c "env=$environment")
done
printf '%s\n' "$head_environments" "$base_environments" | sort -u > "$dir/environments"
git worktree remove --force build/base
