.PHONY: help run test check up down backfill invoke deploy build bench soak lock format install clean
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_NO_PROGRESS = 1

help: ## print this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: install ## transcribe the sample recordings, or FILES="a.wav b.mp4", on a local stack
	@$(BIN)/python -m local run --files "$$FILES"

test: install ## every test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup $(PYTEST_ARGUMENTS)

check: install .local/checkov/.ready ## linters, types, template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy layers/shared/dashscribe functions local tests
	SAM_CLI_TELEMETRY=0 .local/sam/bin/sam validate --lint --region us-east-1
	$(BIN)/cfn-lint template.yaml
	.local/sam/bin/python local/transform.py template.yaml .local/template/transformed.yaml
	.local/checkov/bin/checkov --config-file .checkov.yaml --file .local/template/transformed.yaml
	$(BIN)/python -m pytest -q tests/template

up: install ## start the local stack and leave it running; DASHSCOPE_BASE_URL=... PARAMETERS="Name=value ..."
	@$(BIN)/python -m local up --dashscope-base-url "$(DASHSCOPE_BASE_URL)" --parameters "$(PARAMETERS)"

down: install ## stop the local stack
	@$(BIN)/python -m local down

backfill: install ## queue what is in the bucket already: PREFIX= SUFFIX= NEWER_THAN=2026-01-31 OLDER_THAN= INVENTORY= DRY_RUN=1 STACK=
	@$(BIN)/python -m local backfill --prefix="$$PREFIX" --suffix="$$SUFFIX" --newer-than="$$NEWER_THAN" \
		--older-than="$$OLDER_THAN" --inventory="$$INVENTORY" --dry-run="$$DRY_RUN" --stack="$$STACK"

invoke: install ## sam local invoke: FUNCTION=SubmitTranscriptionFunction EVENT=events/...json
	@$(BIN)/python -m local invoke "$(FUNCTION)" "$(EVENT)"

build: install ## sam build for Lambda (python3.13, arm64)
	SAM_CLI_TELEMETRY=0 PATH="$(CURDIR)/.local/sam/bin:$$PATH" sam build

deploy: build ## deploy to your AWS account
	SAM_CLI_TELEMETRY=0 .local/sam/bin/sam deploy $(DEPLOY_ARGUMENTS)

bench: install ## measure; never passes or fails on a clock
	@$(BIN)/python -m pytest -q -s -p no:randomly tests/benchmarks

soak: install ## a long run with faults on a stack of its own: SOAK_ARGUMENTS="--files 2000 --minutes 15"
	@$(BIN)/python -m local.soak $(SOAK_ARGUMENTS)

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: install ## write the lock files again
	PATH="$(CURDIR)/$(BIN):$$PATH" sh requirements/lock.sh

clean: ## remove what was made here
	-@test ! -x $(BIN)/python || $(BIN)/python -m local down
	rm -rf $(VENV) .local .aws-sam out

# Set-up: one environment for the project, one each for MiniStack and SAM CLI, whose pins exclude each other.
install: $(VENV)/.ready .local/ministack/.ready .local/sam/.ready

$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("dashscribe needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.13" if sys.version_info < (3, 11) else 0)'
	@echo "setting up"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.ready: $(BIN)/uv requirements/dev.txt pyproject.toml layers/deps/requirements.in
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.local/%/.ready: requirements/%.txt $(BIN)/uv
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .local/$*
	@$(BIN)/uv pip install --quiet --python .local/$*/bin/python --require-hashes -r requirements/$*.txt
	@touch $@
