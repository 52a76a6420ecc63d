.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PY := .venv/bin/python
export PYTHON
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
WEB := frontend/src/moshi_frontend/static/index.html
WEB_SOURCES := $(shell find frontend/web -type f -not -path '*/node_modules/*')
# Where the commands below keep and look for the certificate: one folder, or `make certificate` would name an authority that
# `make run` does not use.
STATE := $(or $(MOSHI_STATE_DIR),$(FRONTEND_STATE_DIR),$(CURDIR)/.state)
run certificate doctor: export MOSHI_STATE_DIR := $(STATE)
run certificate doctor: export FRONTEND_STATE_DIR := $(or $(FRONTEND_STATE_DIR),$(STATE))
PACKAGING := requirements.lock tools/setup-python third_party/moshi/UPSTREAM.json \
  $(wildcard */pyproject.toml third_party/*/pyproject.toml) tools/client/pyproject.toml

# Made anew when `nix develop` is entered or left.
ifneq ($(SCENARIO6_ENVIRONMENT),$(shell cat .venv/.environment 2>/dev/null))
.PHONY: .venv/.ready
endif

.PHONY: help preflight setup setup-tests setup-demo run test check unit format lock web package kernels docs doctor certificate clean

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*##/  make \1\t/p' Makefile | expand -t 18

preflight:
	@tools/preflight

setup: .venv/.ready $(WEB)  ## Everything `make run` needs, without running it

setup-tests: setup .venv/.tests  ## What tests and checks need besides

setup-demo: setup-tests .venv/.demo  ## What training and evaluating the demo model need besides

run: setup  ## Set up, then run both services on this machine with the demo model; LAN=1 for phones too; Ctrl-C stops
	@$(PY) tools/run $(if $(filter-out 0,$(LAN)),--lan)

test: check  ## Set up, then lint, types and every test
	@tools/test-packages
	@tools/setup-aspire
	@tools/setup-nix
	@tools/setup-kustomize
	@OMP_NUM_THREADS=1 $(PY) -m pytest tests/contract tests/e2e -m "not alone" --durations=15 $(PARALLEL)
	@$(PY) -m pytest --ignore tests/unit -m "alone or nix" --durations=30

check: setup-tests  ## Fast: lint, types, English, unit tests
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@npm --prefix frontend/web run --silent check
	@npm --prefix frontend/web run --silent test
	@tools/setup-prose
	@npm --prefix tools/prose run --silent check
	@npm --prefix tools/prose run --silent test
	@$(PY) -m pytest -q tests/unit $(PARALLEL)

format: setup-tests  ## Rewrite the code in the house's format
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format --quiet .
	@npm --prefix frontend/web run --silent format

lock:  ## Regenerate the Python locks; UPGRADE=1 for newer versions
	@tools/lock $(if $(UPGRADE),--upgrade)

web: $(WEB)  ## Build the page

package: web  ## Pack the page's sound for other sites, as an npm package in .state
	@tools/pack-audio

kernels: setup  ## Compile the kernels for GPUs, after a change of their sources
	@$(PY) tools/kernels.py

doctor: setup  ## Check what the model's service needs: GPU, token, disk, ports, certificate
	@.venv/bin/moshi-backend doctor

certificate: setup  ## Make the certificate of `make run` if there is none; print the file to trust
	@MOSHI_TLS=auto .venv/bin/moshi-backend certificate

docs: setup-tests  ## Rewrite what is made from the code: tables and schemas in docs/, the page's types
	@$(PY) tools/reference.py
	@npm --prefix frontend/web run --silent types

clean:  ## Remove what set-up made
	rm -rf .venv .bootstrap .state frontend/web/node_modules tools/prose/node_modules frontend/src/moshi_frontend/static

.venv/.ready: $(PACKAGING) | preflight
	@tools/setup-python

.venv/.tests: .venv/.ready requirements-dev.lock tools/setup-tests tools/loadtest/pyproject.toml
	@tools/setup-tests

.venv/.demo: .venv/.tests requirements-demo.lock tools/setup-demo
	@tools/setup-demo

$(WEB): $(WEB_SOURCES) tools/setup-web | preflight
	@tools/setup-web
