# Vigie on one machine. `make` explains the targets. Works with GNU make 3.81 and later.

export PYTHONPATH := $(CURDIR)/layers/common:$(CURDIR)/layers/llm:$(CURDIR)/layers/scoring:$(CURDIR)/infra/local:$(CURDIR)
PY := "$(CURDIR)/.venv/bin/python"
CLOUD := $(PY) -m vigie_local
JSON_OPTION = $(if $(JSON),--json "$(JSON)")

.DEFAULT_GOAL := help
.PHONY: help deploy-local run load dashboard logs status test lint \
	train promote rollback evaluate evaluate-analysis evaluate-privacy up down clean environment lock

help: ## Explain each target (this list)
	@printf 'Vigie: churn prediction by serverless agents, with an audit trail.\n\n'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@printf '\nPorts: POSTGRES_PORT 15432, LOCALSTACK_PORT 4566, MODEL_PORT 4570, DASHBOARD_PORT 8501.\n'
	@printf 'Language model at deploy time: GROQ_API_KEY, or LLM_BASE_URL with LLM_MODEL and LLM_API_KEY; none: local rules.\n'

deploy-local: environment ## Everything, from nothing to a finished run and a dashboard (CUSTOMERS=500)
	@$(CLOUD) deploy-local

run: environment ## One more run; INPUT='{"limit": 50}' chooses customers
	@$(CLOUD) run --input "$$INPUT"

load: environment ## Load your own CSV files: DATA=folder, or DATA=file.csv CONTRACT=telecom
	@$(if $(DATA),,echo 'Say what to load: make load DATA=folder' >&2; exit 2)
	@$(CLOUD) load --data "$$DATA" $(if $(CONTRACT),--contract "$$CONTRACT")

dashboard: environment ## Start the dashboard
	@$(CLOUD) dashboard

logs: environment ## Follow the agents' logs; AGENT=nlp for one, ARGS='--json --no-follow --since 60'
	@$(CLOUD) logs --agent "$$AGENT" $(ARGS)

status: environment ## Say which services run
	@$(CLOUD) status

test: environment ## Lint, then unit, integration and end-to-end tests, on their own ports
	@./infra/test.sh $(ARGS)

lint: environment ## Check style, formatting and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy .

train: environment ## Compare models, train and register a candidate; CONTRACT=bank, DATA=folder
	@$(CLOUD) with-cloud python -m model.train $(if $(CONTRACT),--contract "$(CONTRACT)") $(if $(DATA),--data "$(DATA)")

promote: environment ## Approve the newest trained model; VERSION=… for another, CONTRACT=bank
	@$(CLOUD) with-cloud python -m model.promote $(if $(CONTRACT),--contract "$(CONTRACT)") $(if $(VERSION),--version "$(VERSION)")

rollback: environment ## Approve again the model before this one; CONTRACT=bank
	@$(CLOUD) with-cloud python -m model.promote --rollback $(if $(CONTRACT),--contract "$(CONTRACT)")

evaluate: environment ## Measure the churn model against the known truth; CONTRACT=bank, DATA=… (JSON=path)
	@$(PY) -m model.evaluate $(if $(CONTRACT),--contract "$(CONTRACT)") $(if $(DATA),--data "$(DATA)") $(JSON_OPTION)

evaluate-privacy: environment ## Measure the pseudonymiser: FILE=… or built-in messages (JSON=path)
	@$(PY) -m vigie_local.evaluate_privacy $(if $(FILE),"$(FILE)") $(JSON_OPTION) $(ARGS)

evaluate-analysis: environment ## Score the language model on labelled feedback: FILE=… (JSON=path)
	@$(if $(FILE),,echo 'Say what to score: make evaluate-analysis FILE=tests/data/feedback_dev.jsonl' >&2; exit 2)
	@$(CLOUD) with-cloud python -m vigie_local.evaluate_analysis "$(FILE)" $(JSON_OPTION)

up: environment ## Start PostgreSQL, LocalStack and the model server, and nothing else
	@$(CLOUD) up

down: ## Stop everything that was started, and nothing else
	@if [ -x .venv/bin/python ]; then $(CLOUD) down; else echo 'Nothing was running.'; fi

clean: ## Stop everything and remove .local/
	@if [ -x .venv/bin/python ]; then $(CLOUD) clean; fi
	@rm -rf .local

environment: ## Install what the locks say (every target that needs it does this first)
	@./infra/bootstrap.sh

lock: environment ## Resolve the dependencies anew and rewrite every lock
	@./infra/lock.sh
