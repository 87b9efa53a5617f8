# Two commands matter: `make week` makes a week of playlists end to end, `make test` passes the tests. Both set up what they need.
SHELL := /bin/bash
PY := .venv/bin/python
PLANT := .venv/bin/plant
REAL ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help setup week test test-faults real airflow lint types docs lock kernels clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## .venv with locked pins, Java where apt-get may be used, Spark's jars, kernels compiled: once
	@bin/setup

week: setup ## simulate the demo world if it is not there, and make its newest week of playlists
	@$(PLANT) --env demo simulate demo --keep
	@$(PLANT) --env demo week

test: setup lint types ## lint, types and tests (12 minutes at most on two cores)
	@$(PY) -m pytest -m "not faults and not spark and not airflow" -n 2 --dist loadgroup
	@$(PY) -m pytest -m "not faults and (spark or airflow)"

test-faults: setup ## slow fault drills: kills, dead servers, races (15 minutes at most)
	@$(PY) -m pytest -m faults

real: setup ## the same line on Last.fm-2k (REAL=folder with lastfm-2k and tracks)
	@$(PY) -m spark_jobs.real $(REAL)

airflow: setup ## Airflow on loopback with the plant's DAGs (Ctrl-C ends it)
	@$(PY) dags/standalone.py

lint: setup ## ruff: format and rules
	@.venv/bin/ruff format --check -q . && .venv/bin/ruff check -q .

types: setup ## mypy, strict on conf, models, audio and exports
	@.venv/bin/mypy

docs: setup ## write docs/tables.md and docs/landing.md from the contracts
	@$(PY) -m spark_jobs.docs

lock: setup ## resolve requirements*.in anew
	@.venv/bin/uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	@.venv/bin/uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.txt

kernels: setup ## list what is compiled here in conf/kernels.lock: after a week and a `plant why`, on a fresh clone
	@$(PY) -m spark_jobs.kernels --list > .kernels.lock && mv .kernels.lock conf/kernels.lock

clean: ## remove what runs made (keeps .venv)
	@rm -rf run spark-warehouse metastore_db derby.log
