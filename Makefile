# Everything a person or CI does here. Each target sets up what it needs; a second call reuses it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test test-slow test-gpu check format schema screenshots bench bench-train bench-eval bench-search bench-overhead bench-scale bench-faults clean
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(STAMP): setup.cfg constraints.txt pyproject.toml
	@echo 'Installing into $(VENV) (downloads about 1 GB the first time) …'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)  ## Tune a tiny model on the sample data: a few minutes, no GPU, no model hub
	$(BIN)/summtune run search_spaces/lr.yaml

test: $(STAMP)  ## The test suite, on all cores
	$(BIN)/python -m pytest -m "not slow and not gpu" -n auto --maxprocesses 4 --dist worksteal

test-slow: $(STAMP)  ## The tests that take minutes
	$(BIN)/python -m pytest -m "slow and not gpu"

test-gpu: $(STAMP)  ## The tests that need CUDA
	$(BIN)/python -m pytest -m gpu

check: $(STAMP)  ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(STAMP)  ## Mend format and imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(STAMP)  ## Make the shipped schemas and the reference anew
	$(BIN)/summtune schema space > search_spaces/space.schema.json
	$(BIN)/summtune schema settings > search_spaces/settings.schema.json
	$(BIN)/summtune schema reference > docs/reference.md

screenshots: $(STAMP)  ## Take the pictures in docs/images anew, from a run of some minutes; needs Chromium and pngquant
	$(BIN)/python docs/images/take.py

bench: $(STAMP)  ## The measurements that the documents quote
	$(BIN)/python -m benchmarks

bench-train: $(STAMP)  ## What training's speed is beside transformers' own; BENCH_DATA names the folder of dialogsum_en and dialogsum_ko
	$(BIN)/python -m benchmarks training

bench-eval: $(STAMP)  ## What cheap evaluations and the decode stage cost, and how faithful they are; BENCH_DATA as above
	$(BIN)/python -m benchmarks evaluation

bench-overhead: $(STAMP)  ## What a run costs beside Ray Tune alone when training costs nothing
	$(BIN)/python -m benchmarks overhead

bench-faults: $(STAMP)  ## What a run keeps of its time when a worker node is killed every 20 s (needs root and iproute2); BENCH_REPEATS says how often
	$(BIN)/python -m benchmarks faults

bench-scale: $(STAMP)  ## How a run's driver grows with trials and nodes; BENCH_SCALE says how many trials
	$(BIN)/python -m benchmarks scale

bench-search: $(STAMP)  ## How soon the search finds good settings, on recorded curves and on functions; BENCH_SEARCH names the referee, BENCH_SEEDS how many seeds
	$(BIN)/python -m benchmarks search

clean:  ## Remove the environment and caches; runs stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
