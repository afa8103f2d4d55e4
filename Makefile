# make install      the package and its tools into .venv, every version pinned by constraints.txt
# make test         everything that a change must pass
# make coverage     the lines that no test reaches
# make page         build the annotator's page anew from web/ (needs Node)
# make demo         the whole method on the built-in synthetic category, into ./demo
# make bench        the speed of this machine, into benchmark.json too
# make constraints  pin anew: the newest versions that pyproject.toml admits

PYTHON ?= python3
BIN := .venv/bin
TORCH ?= torch==2.13.0

.PHONY: install test lint types imports page page-current tests format demo bench constraints clean

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -qq -c constraints.txt torch
	$(BIN)/pip install -qq -c constraints.txt -e '.[dev]'
	touch $@

test: lint types imports page-current tests

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

# The page of `warpmarks annotate` is built from web/ and committed, so that users need no Node.
STATIC := src/warpmarks/annotator/static

web/node_modules: web/package-lock.json
	cd web && npm ci --silent --no-audit --no-fund
	touch $@

page: web/node_modules
	cd web && npm run --silent build -- --logLevel warn

page-current:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory page-compared; \
	else echo 'npm is not installed: whether the page is current was not checked'; fi

.PHONY: page-compared
page-compared: web/node_modules
	cd web && npm run --silent build -- --logLevel warn --outDir ../build/page
	@diff -r build/page $(STATIC) || \
	{ echo '$(STATIC) is not what web/ gives: run `make page` and commit it'; exit 1; }

# Two processes of one thread each: tests hardly use a second one. WORKERS=0 runs them in one.
WORKERS ?= 2

tests: install web-runtime
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder \
		$(PYTEST)

# Apart from the tests: following every line, Python 3.11 takes twice as long for them.
.PHONY: coverage
coverage: override PYTEST += --cov --cov-report=term-missing:skip-covered
coverage: tests

# What the exported page is tested with; without npm those tests say that they were skipped.
.PHONY: web-runtime
web-runtime:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory tests/web_runtime/node_modules; fi

tests/web_runtime/node_modules: tests/web_runtime/package-lock.json
	cd tests/web_runtime && npm ci --silent --ignore-scripts --no-audit --no-fund
	touch $@

format: install
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

demo: install
	$(BIN)/warpmarks demo --output demo --overwrite

bench: install
	$(BIN)/warpmarks benchmark --json benchmark.json --overwrite

# A fresh environment, so that nothing installed by hand is pinned; torch without its build's suffix,
# so that the same file serves CPU and CUDA machines.
constraints:
	rm -rf build/pinning
	$(PYTHON) -m venv build/pinning
	build/pinning/bin/pip install -qq '$(TORCH)'
	build/pinning/bin/pip install -qq -e '.[dev]'
	( echo '# Written by `make constraints`.'; \
	  build/pinning/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' ) > constraints.txt
	rm -rf build/pinning

clean:
	rm -rf .venv build dist web/node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage
