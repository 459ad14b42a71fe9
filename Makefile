# Everything works from a fresh clone with Python 3.11 or newer and make: each target makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
# Of the tests: more than the two cores they are meant for, since there is always one that waits. Many of the long ones are about
# load, and have less company.
WORKERS := 4
WORKERS_FULL := 2

# The tests start hundreds of routers: compile each module once, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --jobs=2

.PHONY: demo demo-cluster run test test-full bench soak sdks page lint types tests compiled generate clean

demo: $(VENV)/.installed ## The product in a minute
	$(BIN)/router demo

demo-cluster: $(VENV)/.installed-dev ## Three NATS nodes, two routers, one killed before your eyes
	$(BIN)/python -m tests.system.demo_cluster

run: $(VENV)/.installed ## The router with config/router.yaml
	$(BIN)/router run --config config/router.yaml

test: lint types tests ## Lint, types and the tests, in less than five minutes

# Beside mypy, which has one thread and takes longer than it is waited for.
tests: compiled
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not full"

test-full: $(VENV)/.installed-dev ## The long faults besides, and the property tests with many more examples
	HYPOTHESIS_PROFILE=many $(BIN)/pytest -q -n $(WORKERS_FULL) --dist worksteal -m "(full or hypothesis) and not alone"
	$(BIN)/pytest -q -m "full and alone"

bench: $(VENV)/.installed-dev ## What an event costs, side by side with the least it could cost; by hand, on a machine with nothing else to do
	$(BIN)/python -m bench $(BENCH)

soak: $(VENV)/.installed-dev ## Hours of load, by hand: make soak HOURS=8
	$(BIN)/python -m bench.soak --hours $(or $(HOURS),8)

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

# By one process: each worker of the tests would do it for itself.
compiled: $(VENV)/.installed-dev
	@$(BIN)/pytest -q --collect-only > /dev/null || true

generate: $(VENV)/.installed-dev ## Rewrite what is generated from the plugins' declarations and the gateway's models
	$(BIN)/python -m router.generate

clean:
	rm -rf $(VENV) var

# The pip that comes with an older Python would do, and takes twice as long to choose among the versions there are.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	-$(PIP) install -q --no-compile pip==26.3

$(VENV)/.installed $(VENV)/.installed-dev: export PYTHONWARNINGS := ignore:Editable installation

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

# Not compiled: most of what the tools bring along is never imported.
$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt constraints-dev.txt
	$(PIP) install -q --no-compile -c constraints.txt -c constraints-dev.txt -e '.[dev]'
	@touch $@ $(VENV)/.installed
