# Everything runs in .venv, made here from the hashed lock; nothing else on the machine is touched.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test lint format bench soak lock clean

demo: $(VENV)/.runtime
	$(BIN)/vo-service demo --port $(PORT)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --max-worker-restart 0 -m "not soak"

# Everything that is too long for the suite: dumps, load, all generated queries, mutants; then property tests on
# examples that the suite does not draw, and half an hour of fuzz.
FUZZ_SECONDS ?= 1800
soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak -s
	VO_SERVICE_TEST_DRAWS=others $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m "hypothesis and not soak"
	VO_SERVICE_FUZZ_SECONDS=$(FUZZ_SECONDS) VO_SERVICE_FUZZ_SEED=$$(date +%s) \
		$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -s tests/adql/test_adql_fuzz.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.adql
	$(BIN)/python -m benchmarks.soda
	$(BIN)/python -m benchmarks.hips

# New versions on purpose only: rewrites both locks (needs uv on the PATH).
lock:
	printf 'setuptools\n' | uv pip compile - pyproject.toml --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements.lock
	printf 'setuptools\n' | uv pip compile - pyproject.toml --extra dev --extra postgresql --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -q -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "vo-service needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
