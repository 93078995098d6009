# Every target but help and clean first prepares the environment in .venv. Values from the command
# line reach the programs through the environment, so that their spaces, quotes and dollars survive.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo demo-cluster run repair report ui train test test-external check docs bench \
    bench-quality verdicts compare \
    bench-precision bench-gpu bench-reuse bench-backfill bench-days bench-scale bench-histories bench-crashes fuzz \
    lock clean plan apply undo purge bench-removal

VALUES := IMAGES OUT DT UNTIL OVERLAY REFIT PHOTOS HALF ORIGINALS SEED JUDGED NAME COPIES_OF \
    WEIGHTS WITHOUT VIEWS START TEACHER LAST_SIDE BATCH FILES DAYS PER_DAY BY_DAY HISTORIES BROKEN \
    POINTS SIZES PEERS PHOTOGRAPHS QUICK BATCHES DEVICE EXECUTORS CORES GPUS INDEX PHOTO RATES \
    MEASURE PLAN OLDER_THAN MOST_IMAGES MOST_SHARE ACROSS SEQUENCES FILE PROTECT OTHER TO
$(foreach name,$(VALUES),$(eval override $(name) := $$(value $(name))))
export $(VALUES)

# spark-submit and its workers take the first Python that they find. Give them ours, and our Spark.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYSPARK_PYTHON := $(CURDIR)/.venv/bin/python
export PYSPARK_DRIVER_PYTHON := $(PYSPARK_PYTHON)
unexport SPARK_HOME PYTHONPATH PYTHONHOME

PY := .venv/bin/python
COMPILE = $(PY) -m uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header \
    --no-annotate --quiet $(if $(UPGRADE),--upgrade)
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

setup: .venv/.ready ## Create or repair the environment in .venv (the other targets do it too)

# A half-installed package can look whole. So without .ready the installation starts from nothing.
.venv/.ready: requirements.lock pyproject.toml
	@echo "imgdedup: setting up .venv (the first time: a few minutes, 7 GB)"
	@if [ -e $@ ]; then rm $@; exit; fi; rm -rf .venv; \
	for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$python" -c '$(FITS)' 2>/dev/null; then exec "$$python" -m venv .venv; fi; \
	done; \
	echo "imgdedup: error: found no Python 3.11, 3.12 or 3.13 with its venv module" \
	    "(Debian, Ubuntu: python3-venv); name one: make PYTHON=/path/to/python3" >&2; exit 1
	@$(PY) -m pip install -qq --no-deps --no-compile --requirement requirements.lock
	@$(PY) -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@
	@$(PY) -m imgdedup.local.java >/dev/null
	@$(PY) -m imgdedup.local.prepared

demo: setup ## Deduplicate real photographs and edits of them; the tables go to OUT (out/demo)
	@$(PY) -m imgdedup.local.demo $${OUT:+--out="$$OUT"}

demo-cluster: setup build/external/.ready ## Do the same on a Spark cluster, a Milvus server and S3 on loopback; PHOTOS=folder compares the tables with one machine's
	@IMGDEDUP_EXTERNAL=$(CURDIR)/build/external $(PY) -m benchmarks.cluster $${OUT:+--out="$$OUT"} \
	    $${PHOTOS:+--photos="$$PHOTOS"}

run: run-usage setup ## Deduplicate your images: IMAGES=folder OUT=folder [DT=YYYY-MM-DD [UNTIL=day]] [OVERLAY=local] [REFIT=1]
	@$(PY) -m imgdedup.local.run --images="$$IMAGES" --out="$$OUT" \
	    $${DT:+--dt="$$DT"} $${UNTIL:+--until="$$UNTIL"} $${OVERLAY:+--overlay="$$OVERLAY"} \
	    $(if $(filter 1,$(REFIT)),--refit)

.PHONY: run-usage
run-usage:
	@[ -n "$$IMAGES" ] && [ -n "$$OUT" ] || { echo "imgdedup: error: say what to read and where to" \
	    "write: make run IMAGES=folder OUT=folder [DT=YYYY-MM-DD [UNTIL=YYYY-MM-DD]]" >&2; exit 2; }

verdicts: verdicts-usage setup ## Add what people said of pairs to the table `reviews`: FILE=reviews.json OUT=folder
	@$(PY) -m imgdedup.local.reviews --file="$$FILE" --out="$$OUT"

.PHONY: verdicts-usage
verdicts-usage:
	@[ -n "$$FILE" ] && [ -n "$$OUT" ] || { echo "imgdedup: error: say what people said and of which" \
	    "tables: make verdicts FILE=reviews.json OUT=folder" >&2; exit 2; }

repair: repair-usage setup ## Rebuild all that is derived from manifests and embeddings: OUT=folder
	@$(PY) -m imgdedup.local.repair --out="$$OUT" $${OVERLAY:+--overlay="$$OVERLAY"}

.PHONY: repair-usage
repair-usage:
	@[ -n "$$OUT" ] || { echo "imgdedup: error: say what to repair: make repair OUT=folder" >&2; exit 2; }

report: report-usage setup ## Write what was found as pages to look at, OUT/report/index.html: OUT=folder
	@$(PY) -m imgdedup.report --root="$$OUT"

.PHONY: report-usage
report-usage:
	@[ -n "$$OUT" ] || { echo "imgdedup: error: say what to report: make report OUT=folder" >&2; exit 2; }

REMOVAL = $(PY) -m imgdedup.removal $@ --root="$$OUT"

plan: removal-usage setup ## Write which images may go into the table plan: OUT=folder [PROTECT=folders] [MOST_IMAGES=n] [MOST_SHARE=0.5] [ACROSS=1]
	@$(REMOVAL) $${PROTECT:+--protect="$$PROTECT"} $${MOST_IMAGES:+--most-images="$$MOST_IMAGES"} \
	    $${MOST_SHARE:+--most-share="$$MOST_SHARE"} $(if $(filter 1,$(ACROSS)),--across)

apply: removal-usage setup ## Move the images of a plan to a quarantine beside them: OUT=folder PLAN=id
	@$(REMOVAL) --plan="$$PLAN"

undo: removal-usage setup ## Put the images of a plan back from the quarantine: OUT=folder PLAN=id
	@$(REMOVAL) --plan="$$PLAN"

purge: removal-usage setup ## Delete what a plan has moved, the only command that deletes: OUT=folder PLAN=id OLDER_THAN=30d
	@$(REMOVAL) --plan="$$PLAN" --older-than="$$OLDER_THAN"

# `plan` needs OUT, the others PLAN, too, and `purge` OLDER_THAN.
.PHONY: removal-usage
removal-usage:
	@[ -n "$$OUT" ] && { [ "$(MAKECMDGOALS)" = plan ] || [ -n "$$PLAN" ]; } && \
	    { [ "$(MAKECMDGOALS)" != purge ] || [ -n "$$OLDER_THAN" ]; } || { \
	    echo "imgdedup: error: say what to work on: make plan OUT=folder, make apply OUT=folder PLAN=id," \
	    "make undo OUT=folder PLAN=id, make purge OUT=folder PLAN=id OLDER_THAN=30d" >&2; exit 2; }

compare: compare-usage setup ## Compare the tables of two roots: OUT=root OTHER=root [TO=folder for the pairs that only one has]
	@$(PY) -m imgdedup.report.compare --root="$$OUT" --other="$$OTHER" $${TO:+--to="$$TO"}

.PHONY: compare-usage
compare-usage:
	@[ -n "$$OUT" ] && [ -n "$$OTHER" ] || { echo "imgdedup: error: say which roots to compare:" \
	    "make compare OUT=root OTHER=root [TO=folder]" >&2; exit 2; }

ui: setup ## Show the DAGs in Airflow on this machine, until Ctrl-C; OUT=folder shows its runs
	@$(PY) -m imgdedup.local.ui $${OUT:+--root="$$OUT"}

train: train-usage setup ## Train a descriptor: PHOTOS=folder OUT=folder [VIEWS=n] [START=weights] [TEACHER=weights] [WITHOUT=folders]
	@$(PY) jobs/train.py --photos="$$PHOTOS" --out="$$OUT" $${VIEWS:+--views="$$VIEWS"} \
	    $${START:+--start="$$START"} $${WITHOUT:+--without="$$WITHOUT"} $${SEED:+--seed="$$SEED"} \
	    $${TEACHER:+--teacher="$$TEACHER"} $${LAST_SIDE:+--last-side="$$LAST_SIDE"} \
	    $${BATCH:+--batch="$$BATCH"}

.PHONY: train-usage
train-usage:
	@[ -n "$$PHOTOS" ] && [ -n "$$OUT" ] || { echo "imgdedup: error: say what to learn from and" \
	    "where to write: make train PHOTOS=folder OUT=folder [VIEWS=n] [START=weights]" >&2; exit 2; }

# A test that cannot run here is skipped, and its reason stands above the last line.
test: setup ## Run the tests; IMGDEDUP_WEIGHTS=file adds the tests that need ImageNet weights
	@JAVA_HOME=$$($(PY) -m imgdedup.local.java) && export JAVA_HOME && \
	    $(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder \
	    $(if $(CI),--durations=15)

# Servers have requirements of their own, so they get an environment of their own.
build/external/.ready: tests/external/requirements.lock | setup
	@echo "imgdedup: setting up build/external: a Milvus server and an S3 server"
	@rm -rf build/external; $(PY) -m venv build/external
	@build/external/bin/python -m pip install -qq --no-deps --requirement $<
	@touch $@

test-external: setup build/external/.ready ## Run the tests that need a Spark cluster, a Milvus server, an S3 server or a GPU
	@JAVA_HOME=$$($(PY) -m imgdedup.local.java) && export JAVA_HOME && \
	    IMGDEDUP_EXTERNAL=$(CURDIR)/build/external $(PY) -m pytest tests/external

check: setup ## Check format, lint, types, import rules and links of pages
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) docs/configuration.py --check
	@$(PY) -m pytest --quiet tests/unit/test_architecture.py tests/docs

docs: setup ## Build the documentation into build/docs; a broken link fails
	@$(PY) -m sphinx -W --keep-going --nitpicky --fresh-env --quiet docs build/docs
	@echo "imgdedup: the documentation is build/docs/index.html"

.PHONY: has-photos
has-photos:
	@[ -n "$$PHOTOS" ] || { echo "imgdedup: error: say where the photographs are:" \
	    "make $(MAKECMDGOALS) PHOTOS=folder" >&2; exit 2; }

bench: has-photos setup ## Measure a run by its size, beside other tools: PHOTOS=folder [SIZES=75,1000] [PEERS=folder]
	@$(PY) -m benchmarks.speed --photos="$$PHOTOS" $${OUT:+--out="$$OUT"} \
	    $${SIZES:+--sizes="$$SIZES"} $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"} \
	    $${PEERS:+--peers="$$PEERS"}

bench-quality: setup ## Measure recall and false pairs on copies of the photographs in PHOTOS
	@$(PY) -m benchmarks.quality $${PHOTOS:+--photos="$$PHOTOS"} $${HALF:+--half="$$HALF"} \
	    $${OUT:+--out="$$OUT"} $${NAME:+--name="$$NAME"} $${JUDGED:+--judged="$$JUDGED"} \
	    $${ORIGINALS:+--originals="$$ORIGINALS"} $${SEED:+--seed="$$SEED"} \
	    $${COPIES_OF:+--copies-of="$$COPIES_OF"} $${WEIGHTS:+--weights $$WEIGHTS}

bench-precision: has-photos setup ## Count look-alikes that are removed, beside copies that are found: PHOTOS=folder [QUICK=1]
	@$(PY) -m benchmarks.precision --photos="$$PHOTOS" $${OUT:+--out="$$OUT"} \
	    $${PHOTOGRAPHS:+--photographs="$$PHOTOGRAPHS"} $${SEED:+--seed="$$SEED"} \
	    $${NAME:+--name="$$NAME"} $(if $(filter 1,$(QUICK)),--quick)

bench-gpu: has-photos setup ## Measure one worker with a GPU, or with DEVICE=cpu: PHOTOS=folder
	@$(PY) -m benchmarks.gpu --photos="$$PHOTOS" \
	    $${FILES:+--files="$$FILES"} $${BATCHES:+--batches="$$BATCHES"} \
	    $${DEVICE:+--device="$$DEVICE"} $${WEIGHTS:+--weights="$$WEIGHTS"} \
	    $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"}

bench-backfill: setup ## Run a month of days under Airflow, as a range and day by day: PHOTOS=folder
	@$(PY) -m benchmarks.backfill $${PHOTOS:+--photos="$$PHOTOS"} $${OUT:+--out="$$OUT"} \
	    $${DAYS:+--days="$$DAYS"} $${PER_DAY:+--per-day="$$PER_DAY"} \
	    $${BY_DAY:+--by-day="$$BY_DAY"} $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"}

bench-reuse: has-photos setup ## Measure what FILES=1000 images of PHOTOS cost when they come again
	@$(PY) -m benchmarks.reuse --photos="$$PHOTOS" $${OUT:+--out="$$OUT"} \
	    $${FILES:+--files="$$FILES"} $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"}

bench-days: setup ## Measure what one more day costs, by the age of the corpus
	@$(PY) -m benchmarks.days $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"}

# To some shells GROUPS means something else, so make itself puts the value there.
.PHONY: bench-report
bench-report: setup ## Measure the report of GROUPS=10000 groups: writing, size, first paint, filters
	@$(PY) -m benchmarks.report $(if $(GROUPS),--groups=$(GROUPS)) $${NAME:+--name="$$NAME"}

.PHONY: bench-driver
bench-driver: setup ## Measure the driver's memory by the size of the corpus: [SIZES=10000,1000000]
	@$(PY) -m benchmarks.driver $${SIZES:+--contents="$$SIZES"} $${NAME:+--name="$$NAME"}

bench-scale: setup $(if $(MEASURE),build/external/.ready) ## Tell by a model what IMAGES=1e7,1e9 need on EXECUTORS of CORES; MEASURE=10000,50000 measures a Milvus server
	@IMGDEDUP_EXTERNAL=$(CURDIR)/build/external $(PY) -m benchmarks.scale \
	    $${IMAGES:+--images="$$IMAGES"} $${EXECUTORS:+--executors="$$EXECUTORS"} \
	    $${CORES:+--cores="$$CORES"} $${GPUS:+--gpus="$$GPUS"} $${INDEX:+--index="$$INDEX"} \
	    $${PHOTO:+--photo="$$PHOTO"} $${RATES:+--rates="$$RATES"} \
	    $${MEASURE:+--measure="$$MEASURE"} $${NAME:+--name="$$NAME"}

bench-histories: setup ## Compare HISTORIES random histories of days with clean runs
	@$(PY) -m benchmarks.histories $${HISTORIES:+--histories="$$HISTORIES"} \
	    $${SEED:+--seed="$$SEED"} $(if $(filter 1,$(BROKEN)),--broken) $${NAME:+--name="$$NAME"}

bench-crashes: setup ## Kill processes of all stages and fill disks, POINTS times, in OUT
	@$(PY) -m benchmarks.crashes $${OUT:+--out="$$OUT"} $${POINTS:+--points="$$POINTS"} \
	    $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"}

bench-removal: setup ## Check SEQUENCES=200 random sequences of plan, apply, undo, purge, run and restore, with kills
	@$(PY) -m benchmarks.removal $${SEQUENCES:+--sequences="$$SEQUENCES"} \
	    $(if $(filter 1,$(BROKEN)),--broken) $${SEED:+--seed="$$SEED"} $${NAME:+--name="$$NAME"}

fuzz: setup ## Decode FILES=10000 damaged image files, and count the outcomes
	@$(PY) -m benchmarks.fuzz $${FILES:+--files="$$FILES"} $${SEED:+--seed="$$SEED"} \
	    $${NAME:+--name="$$NAME"}

lock: setup ## Renew the pinned lists from pyproject.toml; UPGRADE=1 takes the newest releases
	@$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	@$(COMPILE) pyproject.toml --constraint requirements.lock --output-file requirements-executor.lock
	@$(COMPILE) tests/external/requirements.in --output-file tests/external/requirements.lock

clean: ## Remove the environment and all caches; OUT stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build lib/imgdedup.egg-info
	@find lib jobs dags tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
