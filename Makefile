# Solcommun on one machine. `make help` lists the targets; each does its own set-up and may be run again at any time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Looked up before .venv/bin comes first on PATH: an environment is not made by the Python inside it.
PYTHON ?= $(shell command -v python3)
PYTHON := $(PYTHON)
PORT ?= 8000
# A file's tests stay in one process, which makes what they share once; the order is that of tests/conftest.py.
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

PY := .venv/bin/python
SETUP := $(PYTHON) platform/setup/bootstrap.py
SERVICES := $(PYTHON) platform/setup/services.py
PROCESSES := $(PYTHON) platform/setup/processes.py
BENCH_NEEDS := $(PY) -m pip install --quiet --require-hashes --requirement requirements/bench.txt
BENCHES := $(patsubst bench/%.py,%,$(filter-out bench/_% bench/check_%,$(wildcard bench/*.py)))

# The environment's own programs come first: ruff, mypy, and node where the system's is too old.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/platform:$(CURDIR)
# What `make demo` may be told: your own imagery, its labels, how to read them.
export IMAGERY LABELS NOMENCLATURE CRS TRANSFORM ATTRIBUTION VINTAGE
export TILE_PX ROUNDS FIRST_TILES ROUND_TILES TRAINING_STEPS SEED SIZE_PX PORT

.PHONY: help setup demo run stop status test check check-release check-statistics bench bench-maps bench-queue bench-release \
  chaos-studio chaos-release simulate-poisoning clean lock

help: ## list the targets
	@echo "Solcommun: people and a model map land cover together. On Debian 12 with git, make and python3, type:"
	@echo
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):[^#]*## /\1\t/' \
	  | while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done
	@echo
	@echo "Variables: PORT=8000 · PYTHON=python3 · PYTEST_ARGS='-n 2 …' (as in PYTEST_ARGS='-k tiles')"
	@echo "Your own data: make demo IMAGERY='ortho/*.tif' LABELS='classes/*.tif' NOMENCLATURE=ocsge_cover"
	@echo "  with CRS=EPSG:2154 TRANSFORM='a b c d e f' where the images do not say where they lie;"
	@echo "  also ATTRIBUTION VINTAGE TILE_PX ROUNDS FIRST_TILES ROUND_TILES TRAINING_STEPS SEED SIZE_PX"
	@echo "Your own servers: set DATABASE_URL and CELERY_BROKER_URL. More: docs/operate/install.md"

setup: ## install everything, build the front end, start the private database and broker, migrate
	@$(SETUP)

demo: setup ## the whole loop on one image: label, train, map, next tiles, release; then the site
	@$(PY) manage.py demo

run: setup ## the site with its workers in the background, on http://127.0.0.1:8000/
	@$(PROCESSES) up --port $(PORT)

stop: ## stop the site, the workers, the database and the broker; nothing is lost
	@$(PROCESSES) down
	@$(SERVICES) down

status: ## say what runs
	@$(PROCESSES) status; a=$$?; $(SERVICES) status && exit $$a

test: ## every check and every test, Python's and the front end's
	@$(SETUP) --browser
	@$(MAKE) check SETUP=true
	@npm --prefix frontend test --silent
	@OMP_NUM_THREADS=1 $(PY) -m pytest $(PYTEST_ARGS)

check: setup ## linters, types, import rules, migrations, API schema, deployment settings, containers
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	npm --prefix frontend run --silent check
	$(PY) manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=config.settings.production ALLOWED_HOSTS=solcommun.invalid \
	  $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null
	check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	hadolint Dockerfile

bench: setup ## run every benchmark; `make bench-NAME` runs one
	@$(BENCH_NEEDS)
	@for name in $(BENCHES); do echo "== $$name"; $(PY) bench/$$name.py; done

chaos-studio: ## kill the browser, the network and the session under someone drawing; nothing may be lost
	@$(SETUP) --browser
	@$(PY) bench/chaos_studio.py $(CHAOS_ARGS)

chaos-release: setup ## kill, fail and fill the disk at every step of a release; the public may never see a part
	@RELEASE_FAULTS=all OMP_NUM_THREADS=1 $(PY) -m pytest -n 0 -q --no-header tests/learning/jobs/test_release_faults.py

simulate-poisoning: setup ## 200 people, a tenth of them hostile: who is found, how soon, and what the model learns
	@$(PY) bench/simulate_poisoning.py $(POISON_ARGS)

# Not bench/learning.py: the package of that name could not be found.
bench-learning: setup ## what a label teaches, by strategy, on real imagery; LEARNING_ARGS=--keep for the full form
	@$(BENCH_NEEDS)
	@$(PY) bench/learning_curve.py $(LEARNING_ARGS)

check-release: setup ## make two releases, let others' validators, a rebuild and an outsider judge them (3: not all could be checked)
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements/check.txt
	@$(PY) bench/check_release.py $(CHECK_ARGS)

check-statistics: setup ## areas and changes: golden numbers, a second implementation, and how often intervals hold the truth
	@$(PY) bench/check_statistics.py $(CHECK_ARGS)

# TiTiler is one of the rivals.
bench-maps: setup
	@$(BENCH_NEEDS)
	@$(PY) bench/maps.py $(BENCH_ARGS)

# Not bench/queue.py: beside it, Python's own module of that name could not be found.
bench-queue: setup
	@$(PY) bench/next_tile.py $(BENCH_ARGS)

# geopandas is one of the rivals; the other, ogr2ogr, is measured where there is one (OGR2OGR=, or on PATH).
bench-release: setup
	@$(BENCH_NEEDS)
	@$(PY) bench/release.py $(BENCH_ARGS)

bench-%: setup
	@$(PY) bench/$(subst -,_,$*).py

clean: ## stop everything and REMOVE var/: database, imagery, models, releases
	@$(PROCESSES) down
	@$(SERVICES) remove

lock: ## write requirements/*.txt anew from requirements/*.in
	@cd requirements && for name in web worker dev bench check node; do \
	  ../.venv/bin/pip-compile -q --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links \
	    --no-emit-trusted-host --no-header --no-annotate --strip-extras -o $$name.txt $$name.in; \
	  sed -i -E 's/^((nvidia|cuda|triton)[a-z0-9-]*==[^ ]+) /\1 ; sys_platform == "linux" /' $$name.txt; done
