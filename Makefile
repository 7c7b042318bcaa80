# Livegate needs Python 3.11 or newer and this file; everything else comes from `make install`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install run admin demo worker trainer test loop-proof benchmark load attack-day practice screenshots words lint clean

HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP_ARGS ?=
PYTEST_ARGS ?=
DATA ?= ../shared/data/fas/manifest.csv
ANCHORS ?= ../shared/anchors
PORTRAITS ?= $(wildcard ../shared/data/lfw)

VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NEEDS_REDIS := test -n "$$REDIS_URL" || { echo "Set REDIS_URL first; without it tasks run inside the portal."; exit 1; }

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.run ## Make a private .venv with what the portal runs on

run: $(VENV)/.run ## Start the portal on http://127.0.0.1:8000 (HOST and PORT change that)
	@exec $(MANAGE) serve --host $(HOST) --port $(PORT)

admin: $(VENV)/.run ## Create an administrator (asks, or takes DJANGO_SUPERUSER_* from the environment)
	@$(MANAGE) migrate --noinput --verbosity 0
	@$(MANAGE) createsuperuser $${DJANGO_SUPERUSER_PASSWORD:+--noinput}

demo: $(VENV)/.demo ## Walk through enrolment, sign-in and two refusals with pictures
	@$(BIN)/python -m portal.demo $(DEMO_ARGS)

practice: $(VENV)/.train ## Make a tiny data set for a first training run (installs PyTorch)
	@$(BIN)/python -m portal.demo.practice $${LIVEGATE_VAR:-var}/practice

screenshots: $(VENV)/.dev ## Walk through docs/tutorial.md in Chromium; writes its pictures and its table of times
	@WRITE_PICTURES=1 $(BIN)/python -m pytest -q tests/e2e/test_tutorial.py

words: $(VENV)/.dev ## Find what is new to translate, and compile what is translated (locale/)
	@DJANGO_SETTINGS_MODULE=portal.settings $(BIN)/python -m portal.words

worker: $(VENV)/.run ## Start a background worker with its clock (needs REDIS_URL)
	@$(NEEDS_REDIS)
	@exec $(BIN)/celery -A portal worker --beat --schedule $${LIVEGATE_VAR:-var}/celerybeat -Q celery --loglevel INFO

trainer: $(VENV)/.train ## Start a worker that trains (needs REDIS_URL; installs PyTorch)
	@$(NEEDS_REDIS)
	@exec $(BIN)/celery -A portal worker -Q training --concurrency 1 --loglevel INFO

test: $(VENV)/.dev ## Run the tests; browser, PostgreSQL and Redis tests run where these are found
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

loop-proof: $(VENV)/.dev ## Review, retrain, prove, promote, serve: for real, with a camera nobody trained on (DATA=manifest.csv)
	@test -f "$(DATA)" || { echo "There is no data set at $(DATA): name a manifest with DATA=…"; exit 1; }
	@$(BIN)/python -m portal.proof --data "$(DATA)" $(if $(PORTRAITS),--portraits "$(PORTRAITS)") $(PROOF_ARGS)

benchmark: $(VENV)/.dev ## Time a look stage by stage, beside the predecessors where ANCHORS=folder holds their files
	@$(MANAGE) benchmark --check $(if $(wildcard $(ANCHORS)/seed),--seed $(ANCHORS)/seed) \
		$(if $(wildcard $(ANCHORS)/silentface),--silentface $(ANCHORS)/silentface) $(BENCHMARK_ARGS)

load: $(VENV)/.dev ## Simulated cameras over real websockets: how many, how fair, how steady (LOAD_ARGS="--frames 100000")
	@$(BIN)/python -m tests.load $(LOAD_ARGS)

attack-day: $(VENV)/.demo ## Ten thousand hostile attempts at a real site (needs PostgreSQL and Redis; ATTACK_ARGS=--count=150)
	@$(BIN)/python -m portal.attack $(ATTACK_ARGS)

lint: $(VENV)/.dev ## Check style, types and the doors between the apps
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-cache

clean: ## Remove the .venv and all caches; var/ with your data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: requirements.txt $(VENV)/.python
	$(PIP_INSTALL) $(PIP_ARGS) -r $<
	@touch $@

$(VENV)/.demo: requirements-demo.txt $(VENV)/.run
	$(PIP_INSTALL) $(PIP_ARGS) -r $<
	@touch $@

$(VENV)/.train: requirements-training.txt $(VENV)/.run
	$(PIP_INSTALL) $(PIP_ARGS) -r $<
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-training.txt requirements-otel.txt $(VENV)/.demo
	$(PIP_INSTALL) $(PIP_ARGS) -r $<
	@touch $@
