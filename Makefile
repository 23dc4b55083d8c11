# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
# Both set themselves up in .venv, may be run again, and leave .venv/bin/lrl to use.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
DATA ?=
PIP = .venv/bin/python -m pip --disable-pip-version-check
INSTALL = $(PIP) install --quiet --constraint constraints.txt
WORKERS ?= 2

.PHONY: demo test test-platforms lint wheel editable clean help

help:
	@echo "make demo            campaign files to a published, tagged dataset, evaluated and trained on (in demo/)"
	@echo "make test            lint, types and all tests; DATA=DIR names the folder of real data"
	@echo "make test-platforms  what needs more than the one environment (see the target)"
	@echo "make clean           remove .venv, demo/, build/, dist/"

# torch first and alone: any request but this exact version pulls gigabytes of CUDA packages.
.venv/ready: constraints.txt pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) install --quiet torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(INSTALL) --editable '.[dev]'
	$(PIP) check
	touch .venv/ready

wheel: .venv/ready
	rm -rf .cache/setuptools dist
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .

# The demo installs the wheel, as a user would; the tests install the checkout. Either replaces the other.
demo: wheel
	$(PIP) install --quiet --no-deps --force-reinstall dist/*.whl
	PATH="$(CURDIR)/.venv/bin:$$PATH" ./demo.sh demo

editable: .venv/ready
	$(PIP) install --quiet --no-deps --editable .

lint: editable
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: lint
	$(if $(DATA),DATA="$(DATA)") .venv/bin/python -m pytest -n $(WORKERS) --dist loadgroup -m "not platforms"

# Other environments than .venv: a fresh one with the wheel and the core dependencies alone. Needs nothing but
# Python 3.11 and the package index.
test-platforms: wheel
	.venv/bin/python -m pytest -m platforms

clean:
	rm -rf .venv demo build dist .cache *.egg-info
