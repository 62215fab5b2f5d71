# Two commands do everything: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Compiled modules are kept: a run of the tests starts some hundred processes.
unexport PYTHONDONTWRITEBYTECODE

SEED ?= 1
WORKERS ?= 2

.PHONY: demo test coverage chaos chaos-bulk fuzz audit check lint types layers format studio-check clean

demo: $(VENV)/installed
	$(BIN)/bernie demo -o demo.wav

# Two processes share the tests; each computes with one thread.
test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

# The same with the branch coverage of the service, which may not fall below the floor in pyproject.toml.
coverage: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=term

chaos: $(VENV)/installed-test
	$(BIN)/python -m tests.chaos --seed $(SEED)

chaos-bulk: $(VENV)/installed-test
	$(BIN)/python -m tests.chaos.bulk --seed $(SEED)

# Ten thousand inputs for each of the decoder, the text front end and the HTTP API: a quarter of an hour.
fuzz: $(VENV)/installed-test
	$(BIN)/python -m tests.fuzz --cases 10000
	FUZZ_EXAMPLES=250 $(BIN)/python -m pytest --timeout=1800 tests/serve_app/routes/test_openapi.py

# Asks a database on the network for known weaknesses of the packages that are installed.
audit: $(VENV)/installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --local --skip-editable

check: lint types layers coverage

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-test
	$(BIN)/mypy

layers: $(VENV)/installed-test
	$(BIN)/lint-imports

# Types and rules of the studio's modules. Node is needed for this alone; npx fetches both tools.
studio-check:
	cd serve_app/studio && npx --yes --package typescript@7.0.2 --package eslint@10.15.0 --call "tsc --project jsconfig.json && eslint ."

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

clean:
	rm -rf $(VENV) .bernie checkpoints/cache
