# Vigie on one machine. `make` explains the targets. Works with GNU make 3.81 and later.

export PYTHONPATH := $(CURDIR)/layers/common:$(CURDIR)/layers/llm:$(CURDIR)/layers/scoring:$(CURDIR)/infra/local:$(CURDIR)
PY := "$(CURDIR)/.venv/bin/python"
CLOUD := $(PY) -m vigie_local

.DEFAULT_GOAL := help
.PHONY: help deploy-local up status down clean environment lock lint test

help: ## Explain each target (this list)
	@printf 'Vigie: churn prediction by serverless agents, with an audit trail.\n\n'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@printf '\nPorts: POSTGRES_PORT 54329, LOCALSTACK_PORT 4566, MODEL_PORT 4570, DASHBOARD_PORT 8501.\n'

up: environment ## Start PostgreSQL, LocalStack and the model server, and nothing else
	@$(CLOUD) up

status: environment ## Say which services run
	@$(CLOUD) status

down: ## Stop everything that was started, and nothing else
	@if [ -x .venv/bin/python ]; then $(CLOUD) down; else echo 'Nothing was running.'; fi

clean: ## Stop everything and remove .local/
	@if [ -x .venv/bin/python ]; then $(CLOUD) clean; fi
	@rm -rf .local

environment: ## Install what the locks say (every target that needs it does this first)
	@./infra/bootstrap.sh

lock: environment ## Resolve the dependencies anew and rewrite every lock
	@./infra/lock.sh

lint: environment ## Check style, formatting and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy .

test: environment ## Lint, then unit, integration and end-to-end tests, on their own ports
	@./infra/test.sh
