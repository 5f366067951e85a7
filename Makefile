# make help lists what there is. Every variable below can be set on the command line:
#   make venv TORCH_INDEX=https://download.pytorch.org/whl/cpu    a small torch without CUDA libraries
#   make venv VARIANT=cuda                                        torch for an NVIDIA GPU
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VARIANT ?= cpu
# an index with torch alone; without one, torch comes from where everything else does
TORCH_INDEX ?=
VENV ?= .venv
DOCS_VENV ?= .venv-docs
DEMO ?= demo
DEMO_SIZE ?= small
DEMO_PARTICIPANTS ?= 3
CONTAINER_TOOLS ?= ../shared/containers
WORKERS ?= 2
# a folder with the recordings of benchmarks/real_input.py
DATA ?=

BIN := $(VENV)/bin
LOCK := requirements-$(VARIANT).lock
STAMP := $(VENV)/.installed-$(VARIANT)
UNIT := not app and not slow and not data and not containers
CODE := bids_app tests run.py .ci $(wildcard benchmarks)

# the app and its tests call programs that came with them
demo unit app container-lint bench: export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help venv demo check format unit app container-lint test containers bench faults docs descriptor lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

venv: $(STAMP) ## the app and the test tools, from the lock files, in $(VENV)

# The locks are complete, so nothing is looked up and what nobody needs stays out. Only torch is asked for with what
# it brings: its wheel from a general index wants CUDA libraries that the CPU lock does not list.
$(STAMP): $(LOCK) requirements-test.lock pyproject.toml version
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	  --requirement $(LOCK) --requirement requirements-test.lock
	$(BIN)/python -m pip install --quiet --constraint $(LOCK) torch
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: venv ## simulate a small dataset in $(DEMO)/bids, run both levels on it, say where the report is
	test -e $(DEMO)/bids/dataset_description.json || \
	  $(BIN)/eeg2fmri-simulate $(DEMO)/bids --size $(DEMO_SIZE) --participants $(DEMO_PARTICIPANTS) --runs 2 --seed 1
	$(BIN)/eeg2fmri $(DEMO)/bids $(DEMO)/out participant
	$(BIN)/eeg2fmri $(DEMO)/bids $(DEMO)/out group
	@echo; echo "Reports: $(abspath $(DEMO))/out/group.html"
	@ls $(abspath $(DEMO))/out/sub-*.html | sed 's/^/         /'

check: venv ## style, types, import contracts, spelling, unit tests (under two minutes)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(MAKE) --no-print-directory unit

format: venv ## put the code into its standard form
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

unit: venv ## unit tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) -m "$(UNIT)"

app: venv ## the real command on simulated datasets, and slow tests (minutes)
	$(BIN)/pytest -q -m "app or slow"

container-lint: venv ## the image recipes, without building them
	$(BIN)/hadolint Dockerfile
	$(BIN)/pytest -q -m containers

test: check container-lint docs app ## everything that CI runs

containers: ## build both images and run the smallest dataset in them
	CONTAINER_TOOLS="$(CONTAINER_TOOLS)" VARIANT=$(VARIANT) TORCH_INDEX="$(TORCH_INDEX)" tests/containers/run

bench: venv ## measure accuracy and speed; DATA=FOLDER adds the benchmark on real recordings
	@for name in preprocessing negative_control coupling training apply; do \
	  echo "== $$name"; PYTHONPATH=. $(BIN)/python benchmarks/$$name.py; done
	@$(if $(DATA),PYTHONPATH=. $(BIN)/python benchmarks/real_input.py "$(DATA)",echo "== real_input: not run, no DATA")

faults: venv ## kill, corrupt, fill the disk: try the faults of docs/reliability.md and print the table (half an hour)
	PYTHONPATH=. $(BIN)/python -m tests.faults.table --write

docs: ## the documentation, in site/; the descriptor is validated too
	test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --no-deps --requirement requirements-docs.lock
	$(DOCS_VENV)/bin/mkdocs build --quiet --strict
	$(DOCS_VENV)/bin/bosh validate hpc/nipoppy/descriptor.json

descriptor: venv ## the Boutiques descriptor, from the command line
	PYTHONPATH=. $(BIN)/python .ci/descriptor.py

lock: ## choose the newest versions that fit, and write them down
	tool=$$(mktemp -d) && trap 'rm -rf "$$tool"' EXIT && \
	  $(PYTHON) -m venv "$$tool" && "$$tool/bin/python" .ci/lock.py

clean: ## remove what make made, the demo too
	rm -rf $(VENV) $(DOCS_VENV) site $(DEMO) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find bids_app tests -name __pycache__ -type d -prune -exec rm -rf {} +
