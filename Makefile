# Everything works from a fresh clone with Python 3.11 or newer and make: each target makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: demo demo-cluster run test test-full bench sdks page lint types generate clean

demo: $(VENV)/.installed ## The product in a minute
	$(BIN)/router demo

demo-cluster: $(VENV)/.installed-dev ## Three NATS nodes, two routers, one killed before your eyes
	$(BIN)/python -m tests.system.demo_cluster

run: $(VENV)/.installed ## The router with config/router.yaml
	$(BIN)/router run --config config/router.yaml

test: lint types ## Lint, types and the tests, in less than five minutes
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not full"

test-full: $(VENV)/.installed-dev ## The long faults besides
	$(BIN)/pytest -q -m full

bench: $(VENV)/.installed-dev ## What an event costs, side by side with the least it could cost; by hand, on a machine with nothing else to do
	$(PIP) install -q -c constraints.txt -c constraints-dev.txt -e '.[bench]'
	$(BIN)/python -m bench

sdks: tests/sdks/node/node_modules/.installed ## The Node and browser SDKs for test-full; needs npm

tests/sdks/node/node_modules/.installed: tests/sdks/node/package.json
	npm install --prefix tests/sdks/node --no-package-lock --ignore-scripts --no-audit --no-fund
	@touch $@

page: $(VENV)/.installed-dev sdks ## A page with Segment's snippet, pointed at a router: fill in its form and see what Mixpanel gets
	$(BIN)/python -m tests.sdks.page

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev
	$(BIN)/mypy

generate: $(VENV)/.installed-dev ## Rewrite what is generated from the plugins' declarations and the gateway's models
	$(BIN)/python -m router.generate

clean:
	rm -rf $(VENV) var

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt constraints-dev.txt
	$(PIP) install -q -c constraints.txt -c constraints-dev.txt -e '.[dev]'
	@touch $@ $(VENV)/.installed
