# make ask [VIDEO=file] [Q="question"] [ASK="options of agent ask"]   sets everything up, then asks
# make test           sets everything up, then runs the tests
# make check          ruff and strict mypy
# make test-browser   looks at the report page in a real browser (BROWSER=chromium)
# make speed          the speed goals as ratios in one run
VENV ?= .venv
PYTHON ?= python3
BROWSER ?= chromium
BIN := $(VENV)/bin
VIDEO ?= agent/demo/clip.mp4
Q ?= How does the caption describe the bunny?
ASK ?= --report answer.html
export VIDEO Q

# uv does not read pip's find-links; with them, the CPU build of the pinned torch is taken where one is offered
UV := $(shell command -v uv 2>/dev/null)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.PHONY: setup ask test check test-browser speed clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints/tested.txt
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	uv pip install --quiet --python $(BIN)/python -c constraints/tested.txt -e '.[lite,dev]'
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints/tested.txt -e '.[lite,dev]'
endif
	@touch $@

ask: setup
	@$(BIN)/agent ask "$$VIDEO" "$$Q" $(ASK)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-browser: setup
	VIDEOSLEUTH_BROWSER=$(BROWSER) $(BIN)/python -m pytest tests/agent/test_report_in_browser.py

speed: setup
	$(BIN)/python -m evals.speed

clean:
	rm -rf $(VENV)
