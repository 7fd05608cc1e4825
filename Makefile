.PHONY: help run test check up down env where backfill redrive simulator invoke deploy build smoke bench interleave mutation soak picture documents lock format install clean
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_NO_PROGRESS = 1
# Without bytecode, each of the many Python processes below would compile all of its modules.
unexport PYTHONDONTWRITEBYTECODE
# Installed only where there is no AWS CLI: the commands of the documents use it.
AWS_CLI := $(if $(shell command -v aws),,.local/aws/.ready)

# The SDKs of the simulator's contract tests: each in an environment of its own, because their versions exclude each other.
SDKS := $(patsubst requirements/%.txt,.local/%/.sdk,$(wildcard requirements/dashscope-*.txt)) \
	$(if $(shell command -v npm),.local/openai-node/.sdk)

# The variables that each target reads. Others are refused: `make backfill PREFX=calls/` must not take the whole bucket.
VARIABLES_run := FILES OUT
VARIABLES_test := PYTEST_ARGUMENTS
VARIABLES_up := DASHSCOPE_BASE_URL PARAMETERS
VARIABLES_env := STACK
VARIABLES_where := KEY STACK
VARIABLES_backfill := PREFIX SUFFIX NEWER_THAN OLDER_THAN INVENTORY DRY_RUN YES STACK
VARIABLES_redrive := DRY_RUN STACK
VARIABLES_simulator := PORT
VARIABLES_invoke := FUNCTION EVENT
VARIABLES_build := PARAMETERS
VARIABLES_smoke := PARAMETERS YES STACK
VARIABLES_deploy := PARAMETERS DEPLOY_ARGUMENTS
VARIABLES_soak := SOAK_ARGUMENTS
VARIABLES_interleave := SCHEDULES
VARIABLES_mutation := MUTANTS ONLY

GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
READ := $(foreach goal,$(MAKECMDGOALS),$(VARIABLES_$(goal)))
UNKNOWN := $(strip $(filter-out PYTHON MAKEFLAGS $(READ),$(GIVEN)))
ifneq ($(UNKNOWN),)
$(error dashscribe: make $(MAKECMDGOALS) does not read $(UNKNOWN); it reads: $(or $(strip $(READ)),no variable))
endif

help: ## print this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11

run: install ## transcribe the sample recordings, or FILES="a.wav folder *.mp4", on a local stack; OUT=out
	@$(BIN)/python -m local run --files="$$FILES" --out="$${OUT:-out}"

# Four processes on two cores: three of them run the tests of local stacks, which wait most of the time.
test: install .local/moto/.ready $(AWS_CLI) $(SDKS) ## every test
	@$(BIN)/python -m pytest --numprocesses 4 $(PYTEST_ARGUMENTS)

check: install .local/checkov/.ready ## linters, types, template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy layers/shared/dashscribe functions cli local examples tests
	SAM_CLI_TELEMETRY=0 .local/sam/bin/sam validate --lint --region us-east-1
	$(BIN)/cfn-lint template.yaml
	.local/sam/bin/python local/transform.py template.yaml .local/template/transformed.yaml
	.local/checkov/bin/checkov --config-file .checkov.yaml --file .local/template/transformed.yaml
	$(BIN)/python -m pytest -q tests/template

up: install $(AWS_CLI) ## start the local stack and leave it running; DASHSCOPE_BASE_URL=... PARAMETERS="Name=value ..."
	@$(BIN)/python -m local up --dashscope-base-url="$$DASHSCOPE_BASE_URL" --parameters="$$PARAMETERS"

down: install ## stop the local stack
	@$(BIN)/python -m local down

env: ## shell variables of the stack: eval "$(make env)", or make env STACK=name for a deployed one
	@test -x $(BIN)/python || { echo "dashscribe: start the local stack first: make up" >&2; exit 1; }
	@$(BIN)/python -m local env --stack="$$STACK"

where: install ## the status of one file, the reason, and what happens next: KEY=calls/talk.mp3 STACK=
	@$(BIN)/python -m local where --key="$$KEY" --stack="$$STACK"

backfill: install ## transcribe what is in the bucket already: PREFIX= SUFFIX= NEWER_THAN=2026-01-31 OLDER_THAN= INVENTORY= DRY_RUN=1 YES=1 STACK=
	@$(BIN)/python -m local backfill --prefix="$$PREFIX" --suffix="$$SUFFIX" --newer-than="$$NEWER_THAN" \
		--older-than="$$OLDER_THAN" --inventory="$$INVENTORY" --dry-run="$$DRY_RUN" --yes="$$YES" --stack="$$STACK"

redrive: install ## move messages from the dead-letter queue back to their queues: DRY_RUN=1 STACK=
	@$(BIN)/python -m local redrive --dry-run="$$DRY_RUN" --stack="$$STACK"

simulator: install ## the DashScope simulator alone: PORT=8080
	@$(BIN)/python -m local.simulator --port "$${PORT:-8080}"

invoke: install ## sam local invoke: FUNCTION=SubmitTranscriptionFunction EVENT=events/...json
	@$(BIN)/python -m local invoke "$$FUNCTION" "$$EVENT"

# The parameter Architecture also chooses the wheels of the deps layer: with other wheels every function fails on import.
# SAM's cache does not know the architecture, so each has its own.
LAYER_ARCHITECTURE := $(if $(findstring Architecture=x86_64,$(PARAMETERS) $(DEPLOY_ARGUMENTS)),x86_64,aarch64)

build: install ## sam build for Lambda (python3.13; arm64, or PARAMETERS=Architecture=x86_64)
	SAM_CLI_TELEMETRY=0 PATH="$(CURDIR)/.local/sam/bin:$$PATH" DEPS_ARCHITECTURE=$(LAYER_ARCHITECTURE) \
		sam build --cache-dir .aws-sam/cache-$(LAYER_ARCHITECTURE)
	@ls .aws-sam/build/DepsLayer/python/pydantic_core/*-$(LAYER_ARCHITECTURE)-*.so >/dev/null 2>&1 || \
		{ echo "dashscribe: the deps layer was not built for $(LAYER_ARCHITECTURE)" >&2; exit 1; }

deploy: build ## deploy to your AWS account: PARAMETERS="Name=value ..."
	@parameters=$$($(BIN)/python -m local check-parameters "$$PARAMETERS") || exit 1; \
	eval "set -- $$parameters"; \
	SAM_CLI_TELEMETRY=0 .local/sam/bin/sam deploy $${1:+--parameter-overrides} "$$@" $(DEPLOY_ARGUMENTS)

smoke: build ## a whole run in your AWS account, removed at the end: DASHSCOPE_API_KEY=sk-... STACK=new-name PARAMETERS= YES=1
	@$(BIN)/python -m local smoke --stack="$$STACK" --parameters="$$PARAMETERS" --yes="$$YES"

bench: install ## measure; never passes or fails on a clock
	@$(BIN)/python -m pytest -q -s -p no:randomly --timeout 3600 tests/benchmarks

interleave: install ## the services in many random schedules: SCHEDULES=20000
	@SCHEDULES="$(or $(SCHEDULES),20000)" $(BIN)/python -m pytest -q --numprocesses 2 --timeout 7200 tests/unit/services/test_interleavings.py

mutation: install .local/mutation/.ready .local/mutation/.project ## change the code a little, many times, and see whether a test fails: MUTANTS=400 ONLY=services.submission
	@$(BIN)/python -m tests.mutation --mutants="$${MUTANTS:-400}" --only="$$ONLY"

soak: install ## a long run with faults on a stack of its own: SOAK_ARGUMENTS="--files 2000 --minutes 15"
	@$(BIN)/python -m local.soak $(SOAK_ARGUMENTS)

picture: install ## record make run as docs/images/make-run.svg
	@$(BIN)/python -m local picture

documents: install ## write the generated files again: schemas, samples, docs/models.md, the table of faults
	@$(BIN)/python -m local.documents
	@$(BIN)/python -m tests.end_to_end.fault_table

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: install ## write the lock files again
	PATH="$(CURDIR)/$(BIN):$$PATH" sh requirements/lock.sh

clean: ## delete everything that these commands made
	-@test ! -x $(BIN)/python || $(BIN)/python -m local down
	rm -rf $(VENV) .local .aws-sam out

# Set-up: one environment for the project, one each for MiniStack and SAM CLI, whose pins exclude each other.
install: $(VENV)/.ready .local/ministack/.ready .local/sam/.ready

# uv's list of every installed package is left out of what is printed.
UV_INSTALL = set -o pipefail; $(BIN)/uv pip install --require-hashes 2>&1

$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("dashscribe needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.13" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV) and .local: about 750 MB on disk, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.ready: $(BIN)/uv requirements/dev.txt pyproject.toml layers/deps/requirements.in
	@echo "installing the project's packages, the simulator's recogniser and the checks into $(VENV)"
	@$(UV_INSTALL) --python $(BIN)/python -r requirements/dev.txt | grep -Ev '^ [+~-]'
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

NAME_ministack := MiniStack, the local AWS,
NAME_sam := the AWS SAM CLI
NAME_checkov := checkov, a check of the template,
NAME_moto := moto, a second local AWS,
NAME_mutation := mutmut and the tests' packages
NAME_aws := the AWS CLI, because there is no aws command here,

.local/%/.ready: requirements/%.txt $(BIN)/uv
	@echo "installing $(NAME_$*) into .local/$*"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .local/$*
	@$(UV_INSTALL) --python .local/$*/bin/python -r requirements/$*.txt | grep -Ev '^ [+~-]'
	@touch $@

# The tests of `dashscribe render` read the version of the installed package.
.local/mutation/.project: .local/mutation/.ready pyproject.toml
	@$(BIN)/uv pip install --quiet --python .local/mutation/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

# The tests of an SDK that cannot be installed are skipped, and say so.
.local/dashscope-%/.sdk: requirements/dashscope-%.txt $(BIN)/uv
	@echo "installing dashscope $* for its contract tests into .local/dashscope-$*"
	@{ $(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .local/dashscope-$* && \
		$(BIN)/uv pip install --quiet --require-hashes --python .local/dashscope-$*/bin/python -r $< && touch $@; } \
		|| echo "dashscribe: dashscope $* cannot be installed, so its contract tests are skipped" >&2

.local/openai-node/.sdk: requirements/node/package.json requirements/node/package-lock.json
	@echo "installing OpenAI's Node.js SDK for its contract tests into .local/openai-node"
	@{ mkdir -p $(@D) && cp $^ $(@D) && npm ci --silent --no-audit --no-fund --ignore-scripts --prefix $(@D) && touch $@; } \
		|| echo "dashscribe: OpenAI's Node.js SDK cannot be installed, so its contract tests are skipped" >&2
