# Everything runs in .venv, which is made from pyproject.toml with the releases of constraints.txt.
# bash, since make would run a simple line without a shell, and then would not search .venv/bin.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 5000
READY := .venv/.ready
OUTER_PATH := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false
.DEFAULT_GOAL := help
.PHONY: help repro test soak check audit ui verify sync experiments clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

repro: $(READY) ## run what has changed of the pipeline, and print the result
	dvc repro
	@# An outage of the tracking server is reported, and is no reason to hide the result.
	-@python -m stages.sync
	@python -m stages.summary

test: $(READY) ## run the tests
	pytest -n 2 --dist loadfile -m "not soak"

soak: $(READY) ## run the tests that take minutes each: kills, full disks, clones, servers
	pytest -n 2 --dist loadfile -m soak

check: $(READY) ## lint, formatting and types
	ruff check .
	ruff format --check .
	mypy

audit: .venv/audit/.ready ## ask a vulnerability service, on the network, about every release in .venv
	@# An activated environment would only confuse the auditor, which is told where to look.
	env -u VIRTUAL_ENV .venv/audit/bin/pip-audit --progress-spinner off --path "$$(python -c 'import site; print(*site.getsitepackages())')" $(AUDIT)

ui: $(READY) ## open the MLflow UI on http://127.0.0.1:5000, or on another PORT=...
	@case "$$MLFLOW_TRACKING_URI" in \
	http*) echo "MLFLOW_TRACKING_URI is a server, which has a UI of its own: open $$MLFLOW_TRACKING_URI" ;; \
	"") if [ ! -e mlflow.db ]; then echo "Nothing is recorded yet: run make repro first." >&2; exit 1; fi; \
	    exec mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port $(PORT) --workers 1 ;; \
	*) echo "Showing the store that MLFLOW_TRACKING_URI names."; \
	    exec mlflow ui --backend-store-uri "$$MLFLOW_TRACKING_URI" --host 127.0.0.1 --port $(PORT) --workers 1 ;; \
	esac

verify: $(READY) ## run the committed pipeline again in a clone and say what is identical
	@python -m stages.verify

sync: $(READY) ## bring MLflow up to date with the results at hand, as after an outage
	python -m stages.sync

experiments: $(READY) ## table of the experiments of this commit: what differs, and how they fared
	@dvc exp show --only-changed --drop 'Created|Executor|.*/|(train|val)\.(loss|accuracy)$$|test\.(?!accuracy$$|log_loss$$)' --keep 'test\.accuracy$$'

clean: ## remove .venv and the caches of the tools; results, DVC cache and MLflow's store stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache dvc_plots build *.egg-info stages/__pycache__ tests/__pycache__

# The stamp is written last: an installation that fails is tried again.
$(READY): pyproject.toml constraints.txt
	@rm -f $@
	PATH='$(OUTER_PATH)' $(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check -c constraints.txt '.[dev]'
	@rm -rf build *.egg-info
	@touch $@

# The auditor has an environment of its own, so that it neither changes nor audits itself.
.venv/audit/.ready: $(READY)
	PATH='$(OUTER_PATH)' $(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip-audit
	@touch $@
