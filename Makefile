# Every target has a line of help: make help
.DEFAULT_GOAL := help
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PORT ?= 8420
TALLY_DATA ?= .tally
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup demo test check fix golden bench docs services clean

help: ## Show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	@echo "Installing Tallystick into $(VENV) …"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing what tests need …"
	@$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@

setup: $(VENV)/.installed ## Install into .venv, with .venv/bin/tally; does nothing when done

demo: setup ## Start the product with a realistic demo company and print its address
	@$(BIN)/tally demo --data $(TALLY_DATA)/demo --port $(PORT)

services: $(VENV)/.installed-test # What service-backed tests need, from Debian's packages when missing
	@sh tests/services.sh

test: services ## Install what tests need and run all of them
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --durations 20

check: $(VENV)/.installed-test ## Lint, types, import contracts and the fast tests: under two minutes
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --cache-dir .import_linter_cache
	@$(BIN)/python -m pytest -n 3 --dist loadgroup -m 'not slow and not service' -q

fix: $(VENV)/.installed-test ## Sort imports, format, mend what the linter can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

golden: $(VENV)/.installed-test ## Write the golden files anew; review the diff
	@$(BIN)/python -m tests.golden.make_usage_shapes
	@$(BIN)/python -m tests.golden.make_bedrock_shapes

bench: $(VENV)/.installed-test ## Print the ratios of every bench (long; see bench/README.md)
	@for one in rating rating_agreement ingest explore reconcile focus_import gateway; do $(BIN)/python -m bench.$$one || exit 1; done

docs: $(VENV)/.installed-test ## Write the generated reference pages anew
	@$(BIN)/python -m tests.architecture.make_reference

clean: ## Remove what was built, the demo included
	@rm -rf $(VENV) .tally build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
