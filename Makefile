# Every target makes .venv first if it is missing or older than what it is made from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FILES := ulimit -n 20000 2>/dev/null || ulimit -n $$(ulimit -Hn);

.PHONY: install run test test-quick test-slow coverage lint bench bench-check bench-reference cluster faults soak debian-packages wire-server pictures

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --prefer-binary --constraint constraints.txt --editable '.[test]'
	touch $@

run: install
	@$(FILES) exec $(BIN)/python server.py serve

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

# What each takes on two cores, and what is in which: docs/testing.md. ARGS are pytest's own: make test ARGS='-k presence'.
test: install debian-packages lint wire-server
	@$(FILES) $(BIN)/python -m tests.run all $(ARGS)

test-quick: install
	@$(FILES) $(BIN)/python -m tests.run quick $(ARGS)

test-slow: install debian-packages wire-server
	@$(FILES) $(BIN)/python -m tests.run slow $(ARGS)

# What no test has run, by name, of the runs since the last report that had COVERAGE=1.
coverage: install
	@$(BIN)/python -m tests.coverage_report

# As root on Debian what the tests need is installed; elsewhere they say what they left out.
debian-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    missing=""; \
	    command -v chromium-headless-shell >/dev/null || missing="$$missing chromium-headless-shell"; \
	    command -v chromium >/dev/null || missing="$$missing chromium"; \
	    command -v curl >/dev/null || missing="$$missing curl"; \
	    command -v node >/dev/null || missing="$$missing nodejs"; \
	    command -v npm >/dev/null || missing="$$missing npm"; \
	    command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	    command -v nginx >/dev/null || missing="$$missing nginx"; \
	    command -v faketime >/dev/null || missing="$$missing faketime"; \
	    command -v promtool >/dev/null || missing="$$missing prometheus"; \
	    command -v openssl >/dev/null || missing="$$missing openssl"; \
	    command -v javac >/dev/null || missing="$$missing default-jdk-headless"; \
	    command -v mvn >/dev/null || missing="$$missing maven"; \
	    if [ -n "$$missing" ]; then \
	        apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing >/dev/null; \
	    fi; \
	fi

# What stands in for MongoDB where there is no mongod; without Maven the tests say that they left it out.
WIRE := tests/wire_server

wire-server: debian-packages
	@if command -v mvn >/dev/null && command -v javac >/dev/null && ! test $(WIRE)/target/classes -nt $(WIRE)/pom.xml -a $(WIRE)/target/classes -nt $(WIRE)/Launcher.java; then \
	    rm -rf $(WIRE)/target/new && \
	    mvn --quiet --batch-mode --file $(WIRE)/pom.xml dependency:copy-dependencies -DoutputDirectory=target/new/dependency && \
	    javac -cp '$(WIRE)/target/new/dependency/*' -d $(WIRE)/target/new/classes $(WIRE)/Launcher.java && \
	    rm -rf $(WIRE)/target/dependency $(WIRE)/target/classes && mv $(WIRE)/target/new/* $(WIRE)/target; \
	fi

# Those of docs/pictures, anew: for whoever changes a page.
pictures: install debian-packages
	@$(BIN)/python -m tests.browser.pictures

# SCENARIO is one, or several with commas between; ARGS are the bench's own: make bench SCENARIO=fanout ARGS='--html fanout.html'.
bench: install
	@$(FILES) $(BIN)/python -m bench $(if $(SCENARIO),--scenario $(SCENARIO)) $(ARGS)

# Against the figures of the last time that somebody looked at them (docs/decisions/0038); bench-reference measures them anew.
CHECKED := fanout,echo,idle
REFERENCE := bench/reference.json

bench-check: install
	@$(FILES) $(BIN)/python -m bench --scenario $(CHECKED) --against $(REFERENCE) --tries 3 $(ARGS)

bench-reference: install
	@$(FILES) $(BIN)/python -m bench --scenario $(CHECKED) --json > $(REFERENCE).new
	@mv $(REFERENCE).new $(REFERENCE)

soak: install
	@$(FILES) $(BIN)/python -m bench --scenario soak $(if $(MINUTES),--set minutes=$(MINUTES)) $(ARGS)

cluster: install
	@$(FILES) exec $(BIN)/python -m deploy.cluster

faults:
	@echo "make $@: not there yet; this version runs as one process" >&2; exit 2
