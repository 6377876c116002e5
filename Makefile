# Every target makes .venv first if it is missing or older than what it is made from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FILES := ulimit -n 20000 2>/dev/null || ulimit -n $$(ulimit -Hn);

.PHONY: install run test lint bench cluster faults soak debian-packages wire-server

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --prefer-binary --constraint constraints.txt --editable '.[test,bench]'
	touch $@

run: install
	@$(FILES) exec $(BIN)/python server.py serve

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

test: install debian-packages lint wire-server
	@$(FILES) $(BIN)/python -m pytest

# As root on Debian what the tests need is installed; elsewhere they say what they left out.
debian-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    missing=""; \
	    command -v chromium >/dev/null || missing="$$missing chromium"; \
	    command -v curl >/dev/null || missing="$$missing curl"; \
	    command -v node >/dev/null || missing="$$missing nodejs"; \
	    command -v npm >/dev/null || missing="$$missing npm"; \
	    command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	    command -v nginx >/dev/null || missing="$$missing nginx"; \
	    command -v faketime >/dev/null || missing="$$missing faketime"; \
	    command -v promtool >/dev/null || missing="$$missing prometheus"; \
	    command -v openssl >/dev/null || missing="$$missing openssl"; \
	    command -v java >/dev/null || missing="$$missing default-jdk-headless"; \
	    command -v mvn >/dev/null || missing="$$missing maven"; \
	    if [ -n "$$missing" ]; then \
	        apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing >/dev/null; \
	    fi; \
	fi

# What stands in for MongoDB where there is no mongod; without Maven the tests say that they left it out.
wire-server: debian-packages
	@if ! test -d tests/wire_server/target/dependency && command -v mvn >/dev/null; then \
	    mvn --quiet --batch-mode --file tests/wire_server/pom.xml dependency:copy-dependencies; \
	fi

bench: install
	@$(FILES) $(BIN)/python -m bench $(if $(SCENARIO),--scenario $(SCENARIO))

cluster: install
	@$(FILES) exec $(BIN)/python -m deploy.cluster

faults soak:
	@echo "make $@: not there yet; this version runs as one process" >&2; exit 2
