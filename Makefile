# Everything runs in .venv, which is made from pyproject.toml with the releases of constraints.txt.
# bash, since make would run a simple line without a shell, and then would not search .venv/bin.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 5000
COUNTS ?= 2000 20000 200000
DEMO_PORT ?= 8000
READY := .venv/.ready
OUTER_PATH := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false
.DEFAULT_GOAL := help
.PHONY: help repro test soak check audit bench ui verify study study-quick sync experiments search champion clean demo predict export bench-scale concepts

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

repro: $(READY) ## run what has changed of the pipeline, and print the result
	dvc repro
	@# An outage of the tracking server is reported, and is no reason to hide the result.
	-@python -m stages.sync
	@python -m stages.summary

test: $(READY) ## run the tests
	pytest -n 2 --dist loadfile -m "not soak"

soak: $(READY) ## run the tests that take minutes each: kills, full disks, clones, servers
	pytest -n 2 --dist loadfile -m soak $(SOAK)

bench-scale: $(READY) ## time and memory of each stage for 2,000 to 200,000 images; COUNTS="2000 20000" for fewer
	python -m benchmarks.scale --counts $(COUNTS) --results benchmarks/results

check: $(READY) ## lint, formatting and types
	ruff check .
	ruff format --check .
	mypy

audit: .venv/audit/.ready ## ask a vulnerability service, on the network, about every release in .venv
	@# An activated environment would only confuse the auditor, which is told where to look.
	env -u VIRTUAL_ENV .venv/audit/bin/pip-audit --progress-spinner off --path "$$(python -c 'import site; print(*site.getsitepackages())')" $(AUDIT)

ui: $(READY) ## open the MLflow UI on http://127.0.0.1:5000, or on another PORT=...
	@python -m stages.ui
	@# The address may hold a password, so it is neither printed nor a word of a command, which others can see.
	@case "$$MLFLOW_TRACKING_URI" in http*) ;; \
	*) MLFLOW_BACKEND_STORE_URI="$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}" \
	    exec mlflow ui --host 127.0.0.1 --port $(PORT) --workers 1 ;; \
	esac

demo: $(READY) ## draw in the browser and see inside, on http://127.0.0.1:8000 or another DEMO_PORT=...
	@python -m stages.play --port $(DEMO_PORT) $(CHECKPOINTS)

predict: $(READY) ## say of which class images are: make predict IMAGES='file.png folder'
	@python -m stages.predict $(IMAGES)

export: $(READY) ## write the network to models/model.onnx, for programs without PyTorch
	python -m stages.export --onnx models/model.onnx

verify: $(READY) ## run the committed pipeline again in a clone and say what is identical
	@python -m stages.verify

study: $(READY) ## run what is new of study/variants.yaml and compare; STUDY=mine/study.yaml for one of your own
ifdef STUDY
	python -m stages.pack --study $(STUDY) --stock $(dir $(STUDY))stock
	python -m stages.study --study $(STUDY) --stock $(dir $(STUDY))stock --results $(dir $(STUDY))results \
	  --timings $(dir $(STUDY))timings
	python -m stages.compare --study $(STUDY) --stock $(dir $(STUDY))stock --results $(dir $(STUDY))results \
	  --timings $(dir $(STUDY))timings --report $(dir $(STUDY))report --numbers $(dir $(STUDY))numbers.json \
	  --metrics $(dir $(STUDY))summary.json
else
	dvc repro study/dvc.yaml
endif

study-quick: $(READY) ## run a few variants of the study with two seeds, in a few minutes, and compare them
	dvc repro study/dvc.yaml:pack
	python -m stages.study --study study/quick.yaml --stock study/stock --results study/results --timings study/timings
	python -m stages.compare --study study/quick.yaml --stock study/stock --results study/results \
	  --timings study/timings --report study/quick/report --numbers study/quick/numbers.json \
	  --metrics study/quick/summary.json

sync: $(READY) ## bring MLflow up to date with the results at hand, as after an outage
	python -m stages.sync

bench: $(READY) ## compare speed and memory with the original script on an idle machine; one row: BENCH='--rows epoch-base'
	python -m benchmarks.run $(BENCH)

experiments: $(READY) ## table of the experiments of this commit: what differs, and how they fared
	@dvc exp show --only-changed --drop 'Created|Executor|.*/|(train|val)\.(loss|accuracy)$$|test\.(?!accuracy$$|log_loss$$)' --keep 'test\.accuracy$$'

search: $(READY) ## look for small networks that are as accurate; goes on where it stopped
	dvc repro split
	python -m stages.search --space search/space.yaml --report search

champion: $(READY) ## make the trained model at hand the champion of MLflow's registry
	@python -m stages.promote

concepts: $(READY) ## make the figures and numbers of docs/concepts again
	python -m concepts.weight_sharing --figures docs/concepts
	python -m concepts.pooling --figures docs/concepts
	python -m concepts.channels --figures docs/concepts
	python -m concepts.one_by_one --figures docs/concepts
	python -m concepts.class_map --figures docs/concepts

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
