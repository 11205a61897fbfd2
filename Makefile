# The two commands a newcomer needs: `make demo` and `make test`. Everything else is for those who change the hub.
# Needed beforehand: git, make, Python >= 3.11 with venv. The rest is installed by `setup` and said aloud.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/tools/bin/uv
READY := $(VENV)/.ready
# One more than there are cores, because much of the suite waits for others: measured, 13 minutes on two cores instead of 15.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# Several processes start in every command: without bytecode each of them compiles every library anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup packages demo test check screenshots bench simulate mutants soak counts reference clean crash schedules foreign july

help: ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with exactly what uv.lock names

$(READY): pyproject.toml uv.lock
	@echo "==> environment in $(VENV) (exactly what uv.lock names)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed; $(PYTHON) is older"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || { $(PYTHON) -m venv $(VENV)/tools && $(VENV)/tools/bin/pip install --quiet 'uv>=0.9,<1'; }
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --frozen --compile-bytecode --quiet || \
	  UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --frozen --compile-bytecode --quiet --system-certs
	@touch $@

packages: $(READY) ## install the Debian packages that the tests use (xmlsec1, a JDK, PHP, node …) and obtain what these do not bring
	@./tools/packages
	@$(BIN)/python -m tools.obtain

demo: $(READY) ## run the main job on the embedded store, with nine systems of a province, outages and a killed worker
	@./tools/packages xmlsec1
	@$(BIN)/lienthong demo --directory var/demo

test: $(READY) packages ## run every test (thousands of schedules and worlds, mutants, days of load: soak)
	@CRASH_ON=sqlite $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

foreign: $(READY) packages ## hold our signatures to foreign software, both ways, and print who agrees
	@$(BIN)/python -m pytest tests/foreign

screenshots: $(READY) packages ## photograph the officer's pages into var/screenshots: two languages, two themes, two widths
	@SCREENSHOTS=var/screenshots $(BIN)/python -m pytest -q tests/browser

crash: $(READY) packages ## only the crash points: find each and kill there, on both engines (CRASH_ON=postgres: on that one; CRASH_EVERY=1: at every occurrence)
	@$(BIN)/python -m pytest -n $(JOBS) tests/acceptance/test_crash_points.py

schedules: $(READY) packages ## 200 random fault schedules more than the 10 of test
	@SCHEDULES=200 FIRST=10 $(BIN)/python -m pytest -n $(JOBS) -k schedule_of_faults tests/acceptance/test_fault_schedules.py

july: $(READY) packages ## tell the half year up to the weekly report of July 2017 through the desks, all 24,640 dossiers of it (ONE_IN=20: a part)
	@ONE_IN=$(or $(ONE_IN),1) $(BIN)/python -m pytest -n 0 tests/acceptance/test_july_2017.py tests/acceptance/test_july_report.py

check: $(READY) ## lint, types, layers, lock
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(UV) lock --check --quiet || $(UV) lock --check --quiet --system-certs

bench: $(READY) ## measure: prints a table, writes bench/results/<time>.json (ONLY=P3 for one row)
	@$(BIN)/python -m bench $(ONLY)

simulate: $(READY) ## play 100,000 simulated worlds on all cores (SEEDS=1000 FIRST=0 for others)
	@$(BIN)/python -m tests.simulation $(or $(SEEDS),100000) $(or $(FIRST),0)

mutants: $(READY) packages ## plant known mistakes in a copy and see the tests fail (ONLY="F7 F5.1" for some)
	@$(BIN)/python -m tools.mutants $(ONLY)

SCHEDULES ?= 2000
soak: $(READY) packages ## hours: thousands of fault schedules, every occurrence of every crash point, simulation, mutants, half a year of dossiers, space on disk (SEED=7: that schedule only)
ifdef SEED
	@SEED=$(SEED) $(BIN)/python -m pytest -s -k schedule_of_faults tests/acceptance/test_fault_schedules.py
else
	@SCHEDULES=$(SCHEDULES) FIRST=100000 $(BIN)/python -m pytest -n $(JOBS) -k schedule_of_faults tests/acceptance/test_fault_schedules.py
	@CRASH_EVERY=1 $(BIN)/python -m pytest -n $(JOBS) tests/acceptance/test_crash_points.py
	@CHANGES=10000 $(BIN)/python -m pytest -n 1 tests/acceptance/test_ten_edges.py
	@WORLDS=100 $(BIN)/python -m pytest -n 0 --timeout 7200 tests/unit/test_merging_anywhere.py
	@$(MAKE) simulate mutants july
	@$(BIN)/python -m bench.soak
endif

counts: $(READY) packages ## count the crash points anew and write them into docs/explanation/how-it-is-proved.md
	@CRASH_COUNTS=docs/explanation/how-it-is-proved.md $(BIN)/python -m pytest tests/acceptance/test_crash_points.py

reference: $(READY) ## write the generated pages of docs/reference
	@$(BIN)/python -m tools.reference

clean: ## remove what the commands made
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
