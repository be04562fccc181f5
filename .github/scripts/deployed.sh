#!/usr/bin/env bash
# usage: deployed.sh ENV DIR SYNTHESIS...
# Reads the deployed templates of the stacks that the syntheses name into
# DIR/STACK.json. A stack that is not there leaves no file.
set -euo pipefail
environment=$1
dir=$2
shift 2

arguments=()
for synthesis in "$@"; do
  if [ -d "$synthesis" ]; then arguments+=(--stacks "$synthesis"); fi
done
mkdir -p "$dir"
go run ./cmd/pipeline --env "$environment" "${arguments[@]}" > "$dir/.stacks"
while read -r region stack; do
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
