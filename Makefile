# What can be done here. Everything happens in .venv, which is made when it is needed.
.DEFAULT_GOAL := help
.PHONY: help demo run test prove test-systemd test-image fuzz simulate soak lint format docs picture bench \
	image install-systemd uninstall-systemd

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: ## archive simulated recordings on this machine, and verify them; ARGS="--recordings 50"
	@.ci/setup
	@.venv/bin/reelkeep demo $(ARGS)

run: ## run the daemon in the foreground; ARGS="--config FILE" goes before the command
	@.ci/setup
	@.venv/bin/reelkeep $(ARGS) run

test: ## check style, types and imports, and run the tests: every module, some inputs each; about 5 minutes on two idle cores; ARGS="-k naming" goes to pytest
	@.ci/setup test
	@.ci/test $(ARGS)

prove: ## the long proofs that `make test` leaves out, about 10 minutes; as root also on a real systemd and Docker
	@.ci/setup test
	@.ci/prove $(ARGS)

test-systemd: ## as root: boot a real systemd, and run reelkeep as its service
	@.ci/setup test
	@.ci/trial systemd $(ARGS)

test-image: ## as root: build the image with a real Docker engine, and run it
	@.ci/setup test
	@.ci/trial image $(ARGS)

fuzz: ## try far more strange inputs than the tests do; FUZZ=50 says how many times as many
	@.ci/setup test
	@REELKEEP_PROVE=1 FUZZ=$${FUZZ:-20} .venv/bin/python -m pytest -q -n auto --timeout 3600 tests/fuzz $(ARGS)

soak: ## crash and load it for as long as wanted: kills, power cuts, failing disks, busy connections; ARGS="--only load"
	@.ci/setup test
	@PYTHONPATH=tests:. .venv/bin/python -m soak $(ARGS)

simulate: ## run months of operation for each seed; SEEDS=1..5000, ARGS="--trace" or "--plant NAME"
	@.ci/setup test
	@PYTHONPATH=tests .venv/bin/python -m simulation $(SEEDS) $(ARGS)

lint: ## check style, types and imports only
	@.ci/setup test
	@.ci/check

format: ## put the code into shape
	@.ci/setup test
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format .

picture: ## draw the README's picture from a real run of the demo
	@.ci/setup test
	@.venv/bin/python tests/picture.py

docs: ## make the generated pages of docs/reference anew
	@.ci/setup test
	@.venv/bin/python tests/pages.py

bench: ## compare with other downloaders, about half an hour; ARGS="--case large-http --rounds 3"
	@.ci/setup test
	@.venv/bin/python -m benchmarks $(ARGS)

image: ## build the Docker image; ARGS="--build-arg BASE=IMAGE" goes to docker build
	@docker build --tag reelkeep $(ARGS) .

install-systemd: ## as root: make reelkeep a service of this host; ARGS="FILE.whl" takes a wheel
	@systemd/install $(ARGS)

uninstall-systemd: ## as root: take the service away; recordings and configuration stay
	@systemd/install --remove
