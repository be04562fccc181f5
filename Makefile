# Two commands are enough on a fresh machine with Go and Node: `make synth` and
# `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The pinned CDK CLI and, on Linux, the pinned Node come first.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
TOOL := go tool -modfile=.ci/tools.mod

.PHONY: help synth test deploy-local lint cfnlint lock update cost bench check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-progress --loglevel=error
	@touch $@

synth: node_modules/.package-lock.json ## write and validate every environment's templates (ENV=staging for one)
	rm -rf cdk.out
	cdk synth --quiet $(if $(ENV),-c env=$(ENV))
	go run ./cmd/summary

test: node_modules/.package-lock.json ## run every test: configuration, templates, handlers, documents
	go test ./...

deploy-local: node_modules/.package-lock.json ## deploy an environment into an AWS emulator on this machine, and remove it (ENV=staging)
	go run ./cmd/local $(if $(ENV),-env $(ENV))

lint: node_modules/.package-lock.json ## formatting, go vet and the linters
	@unformatted="$$(git ls-files '*.go' | xargs gofmt -l)"; \
	  if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) golangci-lint run ./...
	markdownlint-cli2

cfnlint: ## ask cfn-lint, where it is installed, about the templates of the last synth
	@mkdir -p build
	go run ./cmd/summary -templates | while read -r region path; do \
	  cfn-lint --non-zero-exit-code error --regions "$$region" -- "$$path" > build/cfn-lint.log || { cat build/cfn-lint.log; exit 1; }; \
	done

lock: node_modules/.package-lock.json ## accept changed identities of stateful resources, deliberately
	go test ./test -run TestStatefulLock -update

update: ## rewrite what is generated: references, the diagram and the tables in docs
	go test ./test -update

cost: ## print the fixed monthly cost of the templates of the last synth
	go run ./cmd/cost

bench: node_modules/.package-lock.json ## measure builds, synthesis and tests, and rewrite docs/PERFORMANCE.md
	go run ./cmd/bench

check: lint synth test ## everything that CI demands

clean: ## remove what the other targets wrote
	rm -rf cdk.out node_modules build
