# `make demo` and `make test` do all the set-up on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST ?= $(BIN)/pytest
# Tests that ask for no server, no other process and no clock: seconds, not minutes. They judge what is decided and shown.
QUICK := $(addprefix tests/,backup config depot domain proposal readings reports schemas test_layers.py test_newfile.py)

.PHONY: demo test quick check lint types layers docs tests judges lock wheelhouse clean

demo: $(VENV)/.lab  ## Install, then snapshot, restore and audit on the simulated vCenter. Exit 3 means drift: the demo has some.
	@echo '$$ auditor lab run post-restore -- auditor audit'
	@$(BIN)/auditor lab run post-restore -- auditor audit; code=$$?; echo "exit code $$code (3 = drift found)"; test $$code -eq 3

test: $(VENV)/.dev  ## Install, then run all tests. Those that need vcsim, govc, sshd, ssh or busybox say so where it is missing.
	$(PYTEST) -n auto --dist loadgroup

quick: lint types layers  ## The same without what takes minutes: lint, types, layers, and the tests of pure functions and files.
	$(PYTEST) -n auto --dist loadgroup $(QUICK)

check: lint types layers docs tests  ## Everything that must be true before a change lands.

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## Generated documentation must be what the code says.
	$(BIN)/python docs/generate.py --check

tests: test

judges:  ## The third-party judges of the tests, into .tools/bin (needs Go) and from Debian's packages (needs root).
	sh .ci/judges

lock: $(VENV)/.dev  ## requirements.lock anew: exact versions and hashes, from the package index that pip is set to.
	$(BIN)/python supply/lock.py

wheelhouse: $(VENV)/.dev  ## dist/wheelhouse: installs with no index; wheels, hashes, SBOM, licences of others.
	$(BIN)/python supply/wheelhouse.py

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[lab]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.lab

clean:
	rm -rf $(VENV) .tools build dist
