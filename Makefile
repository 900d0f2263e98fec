# make ask [VIDEO=file] [Q="question"]   sets everything up, then asks
# make test                              sets everything up, then runs the tests
# make check                             ruff and strict mypy
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
VIDEO ?= agent/demo/clip.mp4
Q ?=
ASK ?=

export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
UV := $(shell command -v uv 2>/dev/null)
INSTALL_FLAGS := -c constraints/tested.txt

.PHONY: setup ask test check test-browser speed questions clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints/tested.txt
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	uv pip install --quiet --python $(BIN)/python $(INSTALL_FLAGS) -e '.[lite,dev]'
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL_FLAGS) -e '.[lite,dev]'
endif
	@touch $@

ask: setup
ifeq ($(Q),)
	@$(BIN)/agent demo $(ASK)
else
	@$(BIN)/agent ask "$(VIDEO)" "$$Q" $(ASK)
endif
export Q

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV)
