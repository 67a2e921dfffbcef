# Everything runs in .venv, which is made from pyproject.toml with the releases of constraints.txt.
# bash, since make would run a simple line without a shell, and then would not search .venv/bin.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 5000
COUNTS ?= 2000 20000 200000
DEMO_PORT ?= 8000
READY := .venv/.ready
DEVELOP := .venv/.ready-to-develop
# The extras of pyproject.toml that a user may want, each with a stamp.
EXTRAS := backbones s3 postgresql slurm
EXTRA_STAMPS := $(EXTRAS:%=.venv/.ready-for-%)
OUTER_PATH := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
.DEFAULT_GOAL := help
.PHONY: help environment develop $(EXTRAS) repro test test-slow check audit bench ui verify study study-quick sync experiments search champion clean demo predict export bench-scale concepts

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment: $(READY) ## make .venv with what running needs; other targets do it themselves

develop: $(DEVELOP) ## make .venv with what tests and checks need

backbones: .venv/.ready-for-backbones ## add pretrained networks to .venv

s3: .venv/.ready-for-s3 ## add DVC remotes that speak S3 to .venv

postgresql: .venv/.ready-for-postgresql ## add servers on PostgreSQL to .venv

slurm: .venv/.ready-for-slurm ## add what puts a study's shards into Slurm's queue to .venv

repro: $(READY) ## run the stages that have changed, and print the result
	@python -m crosscheck protect dvc.yaml
	dvc repro
	@# In a fresh clone DVC skips the stage track, whose inputs are those of dvc.lock. An outage of the tracking server is
	@# reported, and does not hide the result.
	-@python -m crosscheck sync
	@python -m crosscheck summary

# Which tests `make test` runs.
MARKS ?= not slow and not soak

test: $(DEVELOP) ## run the tests that take seconds
	pytest -n 2 --dist worksteal -m "$(MARKS)"

test-slow: $(DEVELOP) ## run the others: experiments, kills, full disks, clones, servers
	pytest -n 2 --dist worksteal -m "slow or soak" $(TESTS)

bench-scale: $(DEVELOP) ## time and memory of each stage for 2,000 to 200,000 images; COUNTS="2000 20000" for fewer
	python -m benchmarks.scale --counts $(COUNTS) --results benchmarks/results

check: $(DEVELOP) ## lint, formatting, types, and the order of imports
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo --no-cache

audit: .venv/audit/.ready ## ask a vulnerability service, on the network, about every release in .venv
	@# An activated environment would confuse the auditor, which is told where to look.
	env -u VIRTUAL_ENV .venv/audit/bin/pip-audit --progress-spinner off --path "$$(python -c 'import site; print(*site.getsitepackages())')" $(AUDIT)

ui: $(READY) ## open the MLflow UI on http://127.0.0.1:5000, or on another PORT=..., and print where the runs are
	@python -m crosscheck ui --port $(PORT)

demo: $(READY) ## draw in the browser and see what each layer does, on http://127.0.0.1:8000 or another DEMO_PORT=...
	@python -m crosscheck demo --port $(DEMO_PORT) $(CHECKPOINTS)

predict: $(READY) ## classify images: make predict IMAGES='file.png folder'
	@python -m crosscheck predict $(IMAGES)

export: $(READY) ## write the network to models/model.onnx, for programs without PyTorch
	python -m crosscheck export --onnx models/model.onnx

verify: $(READY) ## run the committed pipeline again in a clone, and compare every output
	@python -m crosscheck verify

# The file of a study. It writes to a folder with the same name, in the same place.
STUDY ?= study/variants.yaml

# For one machine of several: SHARD=3/8 does a part of the runs, without a report.
SHARD ?=
RUN_STUDY = python -m stages.study.run --study '$(STUDY)' $(if $(SHARD),--shard '$(SHARD)')

study: $(READY) ## run what is missing of study/variants.yaml, and compare; STUDY=mine/study.yaml for your own, SHARD=3/8 for a part
ifeq ($(STUDY),study/variants.yaml)
	@python -m crosscheck protect study/dvc.yaml
	dvc repro study/dvc.yaml:pack
	$(RUN_STUDY)
	$(if $(SHARD),,dvc repro study/dvc.yaml:compare)
else
	python -m stages.study.pack --study '$(STUDY)'
	$(RUN_STUDY)
	$(if $(SHARD),,python -m stages.study.compare --study '$(STUDY)')
endif
	@$(if $(SHARD),,python -m crosscheck answers --study '$(STUDY)')

study-quick: $(READY) ## run two variants of the study with eight seeds, in a few minutes, and compare them
	@python -m crosscheck protect study/dvc.yaml
	dvc repro study/dvc.yaml:pack
	python -m stages.study.run --study study/quick.yaml
	python -m stages.study.compare --study study/quick.yaml
	@python -m crosscheck answers --study study/quick.yaml

sync: $(READY) ## record the current results in MLflow, for example after an outage
	python -m crosscheck sync

bench: $(DEVELOP) ## compare speed and memory with the original script on an idle machine; one row: BENCH='--rows epoch-base'
	python -m benchmarks.run $(BENCH)

experiments: $(READY) ## list the experiments of this commit: their test accuracy with its interval, and what differs
	@python -m crosscheck experiments

search: $(READY) ## search for small networks that are as accurate; goes on where it stopped
	@python -m crosscheck protect dvc.yaml
	dvc repro split
	python -m crosscheck search --space search/space.yaml

champion: $(READY) ## make the current trained model the champion of MLflow's registry
	@python -m crosscheck promote

concepts: $(READY) ## make the figures and numbers of docs/concepts again
	python -m concepts.weight_sharing --figures docs/concepts
	python -m concepts.pooling --figures docs/concepts
	python -m concepts.channels --figures docs/concepts
	python -m concepts.one_by_one --figures docs/concepts
	python -m concepts.class_map --figures docs/concepts
	python -m concepts.shapes --figures docs/concepts
	python -m concepts.feature_levels --figures docs/concepts
	python -m concepts.pixels --figures docs/concepts

clean: ## remove what make installed and the caches of the tools; results, DVC cache and MLflow's store stay
	@# Only what says of itself that it may go: the stamp of make, or the tag that tools leave in their caches.
	for stamp in $(READY) $(DEVELOP) $(EXTRA_STAMPS); do if [ -e $$stamp ] || [ -e $$stamp.unfinished ]; then rm -rf .venv; fi; done
	for cache in .pytest_cache .mypy_cache .ruff_cache; do if [ -e $$cache/CACHEDIR.TAG ]; then rm -rf $$cache; fi; done
	find $(wildcard crosscheck stages concepts benchmarks tests) Makefile -name "*.pyc" -path "*/__pycache__/*" -print0 | xargs -0 rm -f

# Running needs fewer packages than testing, so each has a stamp. It holds a checksum of what was installed. While pip is at
# work it has another name, which stays where pip fails half-way; where it fails before it changed anything, the
# environment is what it was. pip builds in a copy, since it would leave the folders build and crosscheck.egg-info here.
# pip would compile on one core, for 44 s. Nobody imports the tests of packages, a fifth of their code.
define install
@wanted=$$(cat pyproject.toml constraints.txt | cksum); \
if [ "$$(cat $@ 2>/dev/null)" = "$$wanted" ]; then touch $@; exit 0; fi; \
PATH='$(OUTER_PATH)' $(PYTHON) -m venv .venv || exit 1; \
if [ -e $@ ]; then mv $@ $@.unfinished; else : > $@.unfinished; fi; \
before=$$(python -m pip freeze 2>/dev/null); scratch=$$(mktemp -d); cp pyproject.toml README.md "$$scratch"; \
python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt "$$scratch$(1)"; status=$$?; \
rm -rf "$$scratch"; \
if [ $$status = 0 ]; then python -m compileall -q -j 0 -x /tests/ .venv/lib >/dev/null 2>&1; echo "$$wanted" > $@; rm -f $@.unfinished; exit 0; fi; \
if [ -s $@.unfinished ] && [ "$$(python -m pip freeze 2>/dev/null)" = "$$before" ]; then \
    mv $@.unfinished $@; \
    echo "error: pip changed nothing in .venv, for the reason above; undo the change in pyproject.toml and" \
        "constraints.txt to go on with it, or fix the cause and run make again" >&2; \
else \
    echo "error: pip did not finish in .venv, for the reason above; fix it and run make again" >&2; \
fi; \
exit $$status
endef

# An extra that was added once follows the pins as well: pip would leave it at its old releases.
$(READY): pyproject.toml constraints.txt | $(wildcard $(EXTRA_STAMPS))
	$(call install,)

$(DEVELOP): pyproject.toml constraints.txt
	$(call install,[dev])
	@# All that running needs is there, too.
	@cp $@ $(READY)

$(EXTRA_STAMPS): .venv/.ready-for-%: pyproject.toml constraints.txt
	$(call install,[$*])
	@cp $@ $(READY)

# The auditor has a separate environment, so that it neither changes nor audits itself.
.venv/audit/.ready: $(READY)
	PATH='$(OUTER_PATH)' $(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip-audit
	@touch $@
