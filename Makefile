# Vigie on one machine. `make` explains the targets. Works with GNU make 3.81 and later.

# Vigie's own packages are found through the environment (infra/bootstrap.sh), whatever this folder is called.
unexport PYTHONPATH
PY := .venv/bin/python
CLOUD := $(PY) -m vigie_local
# Operations on the stack: the same on AWS, with `vigie --target aws …`.
VIGIE := $(PY) -m vigie_operations
JSON_OPTION = $(if $(JSON),--json "$(JSON)")

.DEFAULT_GOAL := help
.PHONY: help doctor deploy-local run resume redrive load dashboard logs status test test-containers lint claims \
	mutation bench chaos cost \
	contract train promote rollback evaluate model-card load-offers load-outcomes evaluate-analysis evaluate-privacy \
	evaluate-campaigns \
	export-audit export-customer verify-audit audit-keys witness prove-event prove-growth hand-over up down clean \
	environment lock

help: ## Explain each target (this list)
	@printf 'Vigie: churn prediction by serverless agents, with an audit trail.\n\n'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@printf '\nPorts: POSTGRES_PORT 15432, LOCALSTACK_PORT 4566, MODEL_PORT 4570, DASHBOARD_PORT 8501.\n'
	@printf 'Language model at deploy time: GROQ_API_KEY, or LLM_BASE_URL with LLM_MODEL and LLM_API_KEY\n(or a file with the key: …_API_KEY_FILE); none: local rules.\n'
	@printf 'WORDING=drafted keeps the words of the model as drafts, unreviewed.\n'

deploy-local: environment ## Everything, from nothing to a finished run and a dashboard (CUSTOMERS=500)
	@$(CLOUD) deploy-local

run: environment ## One more run; INPUT='{"limit": 50}' or INPUT=@file.json chooses customers
	@$(VIGIE) run --input "$$INPUT"

resume: environment ## Complete a run whose execution was lost or failed: RUN=run id
	@$(if $(RUN),,echo 'Say which run: make resume RUN=…' >&2; exit 2)
	@$(CLOUD) resume --run "$(RUN)"

redrive: environment ## Make anew what closed runs lost or failed; RUN=… for one run
	@$(VIGIE) redrive $(if $(RUN),"$(RUN)")

load: environment ## Load your own CSV files: DATA=folder, or DATA=file.csv CONTRACT=telecom; FAULTS=file lists every fault, REPLACE=1
	@$(if $(DATA),,echo 'Say what to load: make load DATA=folder' >&2; exit 2)
	@$(CLOUD) load --data "$$DATA" $(if $(CONTRACT),--contract "$$CONTRACT") $(if $(FAULTS),--faults "$$FAULTS") \
		$(if $(filter-out 0 no,$(REPLACE)),--replace)

dashboard: environment ## Start the dashboard
	@$(CLOUD) dashboard

logs: environment ## Follow the agents' logs; AGENT=nlp for one, ARGS='--json --no-follow --since 60'
	@$(VIGIE) logs --agent "$$AGENT" $(ARGS)

doctor: ## Say what on this machine keeps Vigie from running, and what to do
	@./infra/doctor.sh

status: environment ## Say which services run
	@$(CLOUD) status

test: environment ## Lint, then unit, integration and end-to-end tests, on their own ports
	@./infra/test.sh $(ARGS)

test-containers: environment ## Bring the stack up in containers, check it, take it down; STAND_IN=1 START_ENGINE=1
	@STAND_IN="$(STAND_IN)" START_ENGINE="$(START_ENGINE)" ./infra/containers/smoke.sh

lint: environment ## Check style, formatting and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy .
	@./infra/lint_imports.sh

contract: environment ## Draft a feature contract: DATA=file.csv LABEL= POSITIVE= OUT=x.toml; ID= AS_OF= NEGATIVE= UNKNOWN= CONSENTS= HORIZON=
	@$(if $(and $(DATA),$(LABEL),$(POSITIVE),$(OUT)),,echo 'Say what to read: make contract DATA=churn.csv LABEL=Exited POSITIVE=1 ID=CustomerId OUT=churn.toml' >&2; exit 2)
	@$(PY) -m model.draft --data "$$DATA" --label "$$LABEL" --positive "$$POSITIVE" --out "$$OUT" \
		$(if $(ID),--id "$$ID") $(if $(AS_OF),--as-of "$$AS_OF") \
		$(if $(NEGATIVE),--negative "$$NEGATIVE") $(if $(UNKNOWN),--unknown "$$UNKNOWN") $(if $(HORIZON),--horizon "$$HORIZON") $(if $(CONSENTS),--consents "$$CONSENTS")

train: environment ## Compare models, train and register a candidate; CONTRACT=bank, DATA=folder
	@$(CLOUD) with-cloud python -m model.train $(if $(CONTRACT),--contract "$$CONTRACT") $(if $(DATA),--data "$$DATA") $(ARGS)

promote: environment ## Approve the newest trained model; VERSION=… for another, CONTRACT=bank; REASON= if it is no better than the base rate
	@$(CLOUD) with-cloud python -m model.promote $(if $(CONTRACT),--contract "$$CONTRACT") $(if $(VERSION),--version "$$VERSION") \
		$(if $(REASON),--reason "$$REASON")

rollback: environment ## Approve again the model before this one; CONTRACT=bank
	@$(CLOUD) with-cloud python -m model.promote --rollback $(if $(CONTRACT),--contract "$$CONTRACT")

evaluate: environment ## Measure the churn model against the known truth; CONTRACT=bank, DATA=… (JSON=path)
	@$(PY) -m model.evaluate --reader vigie_model_server.feedback_analysis:read_feedback $(if $(CONTRACT),--contract "$$CONTRACT") $(if $(DATA),--data "$$DATA") $(JSON_OPTION)

model-card: environment ## Write MODEL_CARD.md and its plots: every approved model, or CONTRACT=bank
	@$(CLOUD) with-cloud python -m model.card $(if $(CONTRACT),--contract "$$CONTRACT")

load-offers: environment ## Load a version of the catalogue of offers: FILE=catalogue.toml, the shipped one unless given
	@$(VIGIE) offers load $(if $(FILE),"$(FILE)") $(ARGS)

load-outcomes: environment ## Compare a run with what came of its customers: DATA=file.csv, CONTRACT=bank, RUN=…; or CAMPAIGN=… AS=operator (JSON=path)
	@$(if $(DATA),,echo 'Say what came of the customers: make load-outcomes DATA=outcomes.csv' >&2; exit 2)
	@$(CLOUD) with-cloud python -m model.outcomes --data "$$DATA" $(if $(CONTRACT),--contract "$$CONTRACT") \
		$(if $(RUN),--run "$$RUN") $(if $(CAMPAIGN),--campaign "$$CAMPAIGN" --as "$$AS") $(JSON_OPTION)

evaluate-campaigns: environment ## Six months of a campaign with a known effect, again and again: SEEDS=100 (JSON=path)
	@$(PY) -m tests.evaluations.campaign_story $(if $(SEEDS),--seeds "$(SEEDS)") $(JSON_OPTION) $(ARGS)

evaluate-privacy: environment ## Measure the pseudonymiser: FILE=… or built-in messages (JSON=path)
	@$(PY) -m tests.evaluations.evaluate_privacy $(if $(FILE),"$(FILE)") $(JSON_OPTION) $(ARGS)

evaluate-analysis: environment ## Score the language model on labelled feedback: FILE=… (JSON=path)
	@$(if $(FILE),,echo 'Say what to score: make evaluate-analysis FILE=tests/data/feedback_dev.jsonl' >&2; exit 2)
	@$(CLOUD) with-cloud python -m tests.evaluations.evaluate_analysis "$(FILE)" $(JSON_OPTION)

export-audit: environment ## A run for an auditor, CSV, JSON Lines and cover sheet; RUN=… for another than the newest
	@$(VIGIE) audit export $(if $(RUN),"$(RUN)") $(ARGS)

verify-audit: environment ## Export the whole audit log and check it offline; TRUST=your file, WITNESS_KEYS='key key' REQUIRED=n
	@$(VIGIE) audit verify $(if $(TRUST),--trust "$(TRUST)") $(foreach key,$(WITNESS_KEYS),--witness-key "$(key)") \
		$(if $(REQUIRED),--required "$(REQUIRED)") $(ARGS)

audit-keys: environment ## Print the log's public keys, for witnesses and other people's tools
	@$(VIGIE) audit keys

witness: environment ## Run a witness: LOGS='key key' of `make audit-keys`; WITNESS_NAME= WITNESS_HOME=~/.vigie-witness WITNESS_PORT=7380
	@$(if $(LOGS),,echo "Say whose log to witness: make witness LOGS='…' (make audit-keys prints it)" >&2; exit 2)
	@$(PY) -m vigie_witness --home "$(or $(WITNESS_HOME),$(HOME)/.vigie-witness)" --port "$(or $(WITNESS_PORT),7380)" \
		--name "$(or $(WITNESS_NAME),vigie.local/witness)" $(foreach key,$(LOGS),--log "$(key)")

export-customer: environment ## Everything held and done about one customer (GDPR 15): CUSTOMER=customer id
	@$(if $(CUSTOMER),,echo 'Say whose: make export-customer CUSTOMER=…' >&2; exit 2)
	@$(VIGIE) customer export "$(CUSTOMER)" $(ARGS)

hand-over: environment ## Hand over what is approved: CAMPAIGN=…, or AGAIN=hand-over id, or ANSWERS=file; AS=operator OUT=folder
	@$(if $(CAMPAIGN)$(AGAIN)$(ANSWERS),,echo 'Say what: make hand-over CAMPAIGN=…' >&2; exit 2)
	@$(VIGIE) hand-over $(if $(ANSWERS),answer "$$ANSWERS",$(if $(AGAIN),--again "$$AGAIN","$$CAMPAIGN") $(if $(OUT),--out "$$OUT")) $(if $(filter-out default,$(origin AS)),--as "$$AS")

prove-event: environment ## Prove that one event is in the signed log: EVENT=event id
	@$(if $(EVENT),,echo 'Say which event: make prove-event EVENT=…' >&2; exit 2)
	@$(VIGIE) audit prove-event "$(EVENT)" $(ARGS)

prove-growth: environment ## Prove that the log only grew since the oldest checkpoint (FIRST=size SECOND=size)
	@$(VIGIE) audit prove-growth $(if $(FIRST),--first "$(FIRST)") \
		$(if $(SECOND),--second "$(SECOND)") $(ARGS)

claims: environment ## Run the test behind every governance claim (JSON=path)
	@$(PY) -m tests.evaluations.claims $(JSON_OPTION) $(ARGS)

mutation: environment ## Change the code a little and see whether its unit tests fail: ONLY=module (JSON=path)
	@./infra/mutation.sh $(if $(ONLY),--only "$(ONLY)") $(JSON_OPTION) $(ARGS)

bench: environment ## Measure speed on this machine; ONLY=pipeline for a part (JSON=path)
	@$(PY) -m tests.bench $(if $(ONLY),--only "$(ONLY)") $(JSON_OPTION) $(ARGS)

chaos: environment ## Disturb real runs and check them: RUNS=50 CUSTOMERS=200 SEED=1 ONLY=kind (JSON=path)
	@$(PY) -m tests.chaos $(if $(RUNS),--runs "$(RUNS)") $(if $(CUSTOMERS),--customers "$(CUSTOMERS)") \
		$(if $(SEED),--seed "$(SEED)") $(if $(ONLY),--only "$(ONLY)") $(JSON_OPTION) $(ARGS)

cost: environment ## What a run would cost on AWS; RUN=… for another than the newest (JSON=path)
	@$(CLOUD) with-cloud python -m tests.evaluations.cost $(if $(RUN),--run "$(RUN)") $(JSON_OPTION)

up: environment ## Start PostgreSQL, LocalStack and the model server, and nothing else
	@$(CLOUD) up

down: ## Stop everything that was started, and nothing else
	@if [ -x .venv/bin/python ]; then $(CLOUD) down; else echo 'Nothing was running.'; fi

clean: ## Stop everything and remove .local/
	@if [ -x .venv/bin/python ]; then $(CLOUD) clean; \
		elif [ "$$(cat .local/postgres/home 2>/dev/null)" = "$$PWD/.local" ]; then rm -rf "$$(readlink .local/postgres)"; fi
	@rm -rf .local

environment: ## Install what the locks say (every target that needs it does this first)
	@./infra/bootstrap.sh

lock: environment ## Resolve the dependencies anew and rewrite every lock
	@./infra/lock.sh
