# Works with GNU make 3.81 and bash 3.2, as macOS has them. `make help` lists the targets.
# PYTHON=python3.12 asks for that Python; ARGS="..." is passed on to run and test, NAME=... to bench.

.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
MIGRATIONS := $(wildcard migrations/*.sql)
TEMPLATE := $(wildcard template.yaml)
# Where the environment forbids .pyc files, as images often do, each process would compile all of it anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup setup-run run test check bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## .venv with all that is needed, by the locks; a second call takes a second
	@python=$$(tools/choose-python) && exec "$$python" tools/set_up.py dev

setup-run:
	@python=$$(tools/choose-python) && exec "$$python" tools/set_up.py run

run: setup-run ## the whole system on this machine; Ctrl-C ends it (ARGS="--duration 130 --json")
	@exec $(BIN)/vantage local $(ARGS)

test: setup ## every test, on real servers, four files at a time (ARGS="tests/house -x -n 0")
	@exec $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## lint, format, types, layers, template, migrations and house rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/house_rules.py
	$(if $(TEMPLATE),$(BIN)/cfn-lint $(TEMPLATE))
	$(if $(MIGRATIONS),$(BIN)/squawk $(MIGRATIONS))

bench: setup ## measure what is promised (NAME=probe: one of them) and write bench/results.json
	@exec $(BIN)/python -m bench $(NAME)

lock: setup ## the locks anew from requirements*.in (ARGS="--upgrade-package httpx")
	@exec tools/make-locks $(ARGS)

clean: ## remove .venv and every cache; .vantage, where runs keep their history, stays
	rm -rf .venv .venv-checkov .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: build dashboards dashboard-preview

build: setup ## what goes to AWS, for both architectures, into .aws-sam/ (no Docker)
	@exec tools/build-aws

dashboards: setup ## the dashboards anew into template.yaml, and the bill into docs/cost.md
	@$(BIN)/python tools/dashboards.py && exec $(BIN)/python tools/cost.py

dashboard-preview: setup ## them as pictures, of what METRICS_NAMESPACE=vantage make run wrote (DATA_DIR=.vantage)
	@exec $(BIN)/python -m tools.dashboard_preview $(or $(DATA_DIR),.vantage) docs/images

.PHONY: soak

soak: setup ## faults by chance for ten minutes (DURATION=60 SEED=1), or SIGKILLs (KILLS=1000)
	@DURATION=$(or $(DURATION),600) SEED=$(SEED) KILLS=$(or $(KILLS),0) exec $(BIN)/python -m tests.faults.soak

.PHONY: roles secrets deploy deploy-all smoke test-aws

roles: setup ## a PostgreSQL role and a Redis user for each function, into roles.env
	@exec $(BIN)/python tools/roles.py

secrets: setup ## REDIS_URL and DATABASE_URL of this environment into SSM (REGION=usa, india or eu)
	@exec $(BIN)/python tools/put_secrets.py $(REGION)

deploy: setup ## build and deploy one region (REGION=usa, india or eu)
	@exec tools/deploy $(REGION)

deploy-all: setup ## every region, home first
	@exec tools/deploy $$($(BIN)/python -m local.places)

smoke: setup ## look at a real deployment from outside (REGION=usa, india or eu)
	@exec $(BIN)/python tools/smoke.py $(REGION)

test-aws: setup ## deploy to a stand-in for AWS, sam local invoke, checkov: minutes (ARGS="-x")
	@VANTAGE_TEST_AWS=1 exec $(BIN)/python -m pytest tests/aws -n 2 --dist loadfile -o faulthandler_timeout=900 $(ARGS)
