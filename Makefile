# Clew: `make demo` shows the main job, `make test` runs everything. Each target sets up what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
# One more process than cores: many tests wait for a disk or a child process.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

# How long `make torture` goes on after the long form of the suite's own campaigns.
MINUTES ?= 60

.PHONY: install demo test check serve bench torture schemas docs clean

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Clew needs Python 3.11 or newer."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Clew needs Python 3.11 or newer, not $$("$(PYTHON)" --version)."; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/python examples/demo.py

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: $(READY)
	$(BIN)/clew serve --host 127.0.0.1 --port 8484 --store sqlite:///.clew/log.db

# BENCH=--quick leaves out the peers and what takes long.
bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH)

# TORTURE="--seed 1a2b --only power --rounds 1" plays a round again that found something.
torture: $(READY)
	CLEW_TORTURE=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/simulation tests/reference tests/domain tests/application tests/crash
	$(BIN)/python -m tests.torture --minutes $(MINUTES) $(TORTURE)

schemas: $(READY)
	$(BIN)/python -m interfaces.schema > .made && mv .made schemas/workflow.schema.json
	$(BIN)/python -m interfaces.http.openapi > .made && mv .made schemas/openapi.json

docs: $(READY)
	$(BIN)/python -m interfaces.reference > .made && mv .made docs/nodes.md

clean:
	rm -rf .venv .venv-peers build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
