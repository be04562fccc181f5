# Two commands are enough on a fresh machine with Go and Node: `make synth` and
# `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The pinned CDK CLI and, on Linux, the pinned Node come first.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
TOOL := go tool -modfile=.ci/tools.mod

.PHONY: help synth test lint lock update cost bench check clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-progress --loglevel=error
	@touch $@

synth: node_modules/.package-lock.json ## write and validate every environment's templates (ENV=staging for one)
	rm -rf cdk.out
	cdk synth --quiet $(if $(ENV),-c env=$(ENV))
	go run ./cmd/summary

test: node_modules/.package-lock.json ## run every test: configuration, templates, handlers, documents
	go test ./...

lint: node_modules/.package-lock.json ## formatting, go vet and the linters
	@unformatted="$$(git ls-files '*.go' | xargs gofmt -l)"; \
	  if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) golangci-lint run ./...
	markdownlint-cli2

lock: node_modules/.package-lock.json ## accept changed identities of stateful resources, deliberately
	go test ./test -run TestStatefulLock -update

update: ## rewrite the generated files: reference graph, diagram, cost table
	go test ./test -update

cost: ## rewrite the cost table in docs from the templates of the last synth
	go run ./cmd/cost -write

bench: node_modules/.package-lock.json ## measure builds, synthesis and tests, and rewrite docs/PERFORMANCE.md
	go run ./cmd/bench

check: lint synth test ## everything that CI demands

clean: ## remove what the other targets wrote
	rm -rf cdk.out node_modules build
