# Two commands are enough on a fresh machine with Go and Node: `make synth` and
# `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The pinned CDK CLI and, on Linux, the pinned Node come first.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
TOOL := go tool -modfile=.ci/tools.mod
# The linters of workflows stand apart: both sets pin the same YAML library.
WORKFLOWS := go tool -modfile=.ci/workflows.mod

.PHONY: build/wallet help synth test race engines lint preflight cfnlint lock update commands changes identity cost check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

node_modules/.package-lock.json: package.json package-lock.json
	@scripts/progress.sh "installing the pinned CLI and linters" npm ci --no-progress --loglevel=error
	@touch $@

synth: node_modules/.package-lock.json ## write and validate every environment's templates (ENV=staging for one)
	rm -rf cdk.out
	@scripts/progress.sh "synthesizing (the first time, Go compiles the CDK library)" cdk synth '**' --quiet $(if $(ENV),-c env=$(ENV)) \
	  2> >(grep -vE '^(Bundling asset |Successfully synthesized to |Supply a stack id )' >&2)
	@for environment in $(if $(ENV),$(ENV),$$(go tool wallet environments)); do go tool wallet "$$environment" summary; done

test: node_modules/.package-lock.json ## run every test: configuration, templates, handlers, documents
	go test -shuffle=on -timeout=30m ./...

race: ## the same under the race detector, of every package that starts no jsii
	go test -race -shuffle=on -timeout=30m $$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... | grep '\.test ' | grep -v /jsii-runtime-go | sed 's/\.test .*//')

engines: cdk.out/manifest.json ## judge what is not AWS by real programs (ENGINE=mysql for one); scripts/engines.sh install brings them
	ENGINES=1 go test $(if $(ENGINE),-v) -count=1 -timeout=30m ./test/engines/$(if $(ENGINE),$(ENGINE)/)...

lint: node_modules/.package-lock.json preflight ## formatting, go vet and the linters, of Go, templates, documents and workflows
	@unformatted="$$(git ls-files '*.go' | xargs gofmt -l)"; \
	  if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) golangci-lint run ./...
	markdownlint-cli2
	@if command -v shellcheck > /dev/null; then shellcheck $$(git ls-files '*.sh') .ci/run; \
	  elif [ -n "$${CI:-}" ]; then echo "shellcheck is not installed" >&2; exit 1; \
	  else echo "shellcheck is not installed: the scripts were not checked" >&2; fi
	$(WORKFLOWS) actionlint
	$(WORKFLOWS) ghalint run
	$(WORKFLOWS) ghalint act

# Synthesizes again only where something that a template is made from has changed.
cdk.out/manifest.json: node_modules/.package-lock.json app.go cdk.json go.mod $(shell find config constructs stacks lambda cmd/migrate -type f -not -name '*_test.go')
	$(MAKE) synth

preflight: cdk.out/manifest.json ## ask cdk-preflight about every template: what AWS refuses and no schema says
	node scripts/preflight.mjs cdk.out

# Made again when the pinned versions change; cfn-lint is the one judge in Python.
build/venv/bin/cfn-lint: .ci/cfn-lint.txt
	python3 -m venv --clear build/venv
	build/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement .ci/cfn-lint.txt
	@touch $@

cfnlint: build/venv/bin/cfn-lint cdk.out/manifest.json ## ask cfn-lint about every template in its region (needs Python)
	@mkdir -p build
	@for environment in $$(go tool wallet environments); do go tool wallet "$$environment" summary --list; done > build/templates.txt
	@for region in $$(cut -d ' ' -f 1 build/templates.txt | sort -u); do \
	  echo "cfn-lint: $$region"; \
	  grep "^$$region " build/templates.txt | cut -d ' ' -f 3- | xargs -d '\n' build/venv/bin/cfn-lint --non-zero-exit-code error --regions "$$region" -- > build/cfn-lint.log \
	    || { grep -A 2 '^E' build/cfn-lint.log; exit 1; }; \
	done

lock: node_modules/.package-lock.json ## accept changed identities of stateful resources, deliberately
	go test ./test -run TestStatefulLock -update

update: ## rewrite what is generated: references, the diagram and the tables in docs
	go test ./test -update

commands: ## ask the pinned AWS CLI (Python) again about the commands in the documents
	@mkdir -p build
	@test -x build/awscli/bin/python3 || python3 -m venv build/awscli
	build/awscli/bin/pip install --quiet --requirement test/commands/requirements.txt
	PATH="$(CURDIR)/build/awscli/bin:$$PATH" go test ./test/commands -run TestUpdateTheExtract -count=1 -update

changes: ## say what the last synth destroys, replaces, opens and moves in BASE, a directory of ENV's templates
	go tool wallet $(or $(ENV),staging) changes --base "$(BASE)"

# Go itself knows whether it is up to date. A program and not `go run`, which
# hides exit statuses and signals.
build/wallet: node_modules/.package-lock.json
	@scripts/progress.sh "building" go build -o $@ ./cmd/wallet

identity: node_modules/.package-lock.json ## show what would change in whom an account trusts (ENV=staging); never run by the pipeline
	scripts/identity.sh $(or $(ENV),$(error name the environment, such as ENV=staging))

cost: ## print the fixed monthly cost of the templates of the last synth
	@for environment in $(if $(ENV),$(ENV),$$(go tool wallet environments)); do go tool wallet "$$environment" cost; done

check: lint synth test ## lint, synth and test; CI adds cfnlint, race, commands and engines

clean: ## remove what the other targets wrote
	rm -rf cdk.out node_modules build
