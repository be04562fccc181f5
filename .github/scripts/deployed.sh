#!/usr/bin/env bash
# usage: deployed.sh ENV DIR SYNTHESIS...
# Reads the deployed templates of the stacks that the syntheses name into
# DIR/STACK.json. A stack that is not there leaves no file; where none is, DIR/none says so.
set -euo pipefail
environment=$1
dir=$2
shift 2

mkdir -p "$dir"
: > "$dir/.stacks"
for synthesis in "$@"; do
  if [ -d "$synthesis" ]; then go tool wallet "$environment" summary --list --assembly "$synthesis" >> "$dir/.stacks"; fi
done
while read -r region stack _; do
  if [ -f "$dir/$stack.json" ]; then continue; fi
  if ! aws cloudformation get-template --region "$region" --stack-name "$stack" \
    --template-stage Original --output json > "$dir/$stack.json" 2> "$dir/.error"; then
    rm "$dir/$stack.json"
    # A change set for a stack that is new makes it appear without a template.
    if ! grep -qE 'does not exist|REVIEW_IN_PROGRESS' "$dir/.error"; then
      cat "$dir/.error" >&2
      exit 1
    fi
    echo "$stack is not deployed"
  fi
done < "$dir/.stacks"
rm -f "$dir/.error" "$dir/.stacks"
if ! compgen -G "$dir/*.json" > /dev/null; then echo "no stack of $environment is deployed" > "$dir/none"; fi
