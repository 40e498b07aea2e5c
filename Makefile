# fnm-guard: every target sets up what it needs; as root it installs Debian packages, otherwise it names them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
BUILD_PACKAGES := python3 python3-venv python3-dev gcc libc6-dev
TEST_PACKAGES := groff-base libpcap0.8 libbpf1
BPF_PACKAGES := clang llvm
LAB_PACKAGES := bird2 frr gobgpd iproute2 iputils-ping ethtool tcpdump procps
PEERS_PACKAGES := fastnetmon libpcap0.8-dev
FUZZ_PACKAGES := clang libclang-rt-14-dev

# One list, so that all that is missing is named at once.  Without root the tests that need the lab cannot run anyway.
ROOT := $(filter 0,$(shell id -u))
PACKAGES := $(BUILD_PACKAGES) $(if $(filter test asan,$(MAKECMDGOALS)),$(TEST_PACKAGES)) \
    $(if $(filter bpf,$(MAKECMDGOALS)),$(BPF_PACKAGES)) \
    $(if $(filter demo bench bench-peers $(if $(ROOT),test asan),$(MAKECMDGOALS)),$(LAB_PACKAGES)) \
    $(if $(filter bench-peers,$(MAKECMDGOALS)),$(PEERS_PACKAGES)) $(if $(filter fuzz,$(MAKECMDGOALS)),$(FUZZ_PACKAGES))

.PHONY: all ext lock format lint test demo bench bench-peers package clean packages golden schema asan fuzz bpf

all: ext

packages:
	@.ci/packages $(PACKAGES)

# The environment is made again when the lock changes.
.venv/.lock: requirements.lock | packages
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.editable: .venv/.lock pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

SOURCES := setup.py $(wildcard capture_ext/*.pyx capture_ext/*.pxd)

.venv/.ext: .venv/.editable $(SOURCES)
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

ext: .venv/.ext

lock: ext
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev \
	    --no-emit-index-url --no-emit-find-links --no-header --upgrade -o requirements.lock pyproject.toml

format: ext
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: ext
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/mypy exabgp/bridge.py
	$(BIN)/python -m mypy.stubtest --concise --mypy-config-file pyproject.toml \
	    --allowlist tests/stubtest-allowlist.txt --ignore-unused-allowlist --ignore-disjoint-bases capture_ext
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint capture_ext
	$(BIN)/lint-imports
	$(BIN)/codespell
	@.ci/bpf-compare
	@! find exabgp templates -name __init__.py | grep . || { echo "no __init__.py there: it would hide the real exabgp"; exit 1; }

# Without root the netns tests cannot run; the last line then says so, and how many.
test: ext packages
	$(BIN)/pytest

# Golden files are written anew; review what `git diff` then shows.
golden: ext
	PYTHONPATH=.:tests $(BIN)/python tests/golden/make_frames.py
	PYTHONPATH=.:tests $(BIN)/python tests/golden/make_flood.py

# The schema and the manual page of the configuration, from the settings.
schema: ext
	$(BIN)/python -m fnm_guard.config.json_schema >fnm_guard/config/fnm-guard.schema.json
	$(BIN)/python -m fnm_guard.config.manual docs/fnm-guard.example.yaml >man/fnm-guard.yaml.5

# The tests of the engine once more, built so that reads outside an allocation and what C leaves undefined end the run.
# TESTS=tests/fuzz or any other words for pytest run something else.
asan: ext packages
	FNM_DEBUG=1 FNM_SANITIZE=address,undefined $(BIN)/python setup.py --quiet build_ext \
	    --build-lib build/asan --build-temp build/asan-objects
	cp -r capture_ext/*.py capture_ext/bpf build/asan/capture_ext/
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	    $(BIN)/pytest -o pythonpath="build/asan tests" -o timeout=600 -p no:cacheprovider --capture=sys \
	    $(or $(TESTS),tests/capture_ext tests/capture tests/fuzz)

# Coverage-guided fuzzing of parser and file reader; findings, and what to do with them, are told.  SECONDS=n, 60 if not.
fuzz: ext packages
	PYTHONPATH=.:tests $(BIN)/python tests/fuzz/run.py $(SECONDS)

# The kernel's program for source: xdp.  Debian 12's clang makes the same bytes everywhere; `make lint` compares.
bpf: packages
	.ci/bpf capture_ext/bpf/count.bpf.o

demo: ext packages
	$(BIN)/python tests/lab/demo.py

# Engine, ring, time to the UPDATE, memory; figures to build/bench/engine.json.  ONLY=name runs a part.
bench: ext packages
	PYTHONPATH=.:tests $(BIN)/python tests/bench/suite.py $(ONLY)

# FastNetMon (Debian's package, in namespaces alone) and this code side by side; figures to build/bench/peers.json.
bench-peers: ext packages
	PYTHONPATH=.:tests $(BIN)/python tests/bench/peers/suite.py $(ONLY)

# The wheel is built from the sdist: it holds nothing that an earlier build left in this folder.
package: ext
	rm -rf dist
	$(BIN)/python -c "import setuptools.build_meta as b; b.build_sdist('dist')" >/dev/null
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist dist/*.tar.gz
	@ls -1 dist

clean:
	rm -rf build dist .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find capture_ext -name '*.so' -delete
