# The course's commands. `make` alone lists them. Each sets itself up from a bare machine:
# Python 3.11 or newer with venv, git and make are all that must be there.

PYTHON ?= python3
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
COLAB_WHEELS := $(VENV)/colab-wheels
PEERS := $(VENV)/.peers
TONIC := $(VENV)/.tonic
NOTEBOOKS := $(patsubst %.py,%.ipynb,$(sort $(wildcard notebooks/[0-9][0-9]_*.py)))
# Two workers with a thread each: more threads than cores make small networks slower.
QUICK := OMP_NUM_THREADS=1 TUTORIAL_LIB_SOURCE=digits
PIP := -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup lab test book browser bench triton address notebooks baselines clean

help:
	@echo 'make lab        open your own copies of the notebooks, in my_course/, in JupyterLab; they are'
	@echo '                brought up to date first (make lab ARGS="--no-browser --port 9999")'
	@echo 'make test       lint, compare notebooks with their sources, run all tests and notebooks'
	@echo 'make book       build the book in book/_build/html; a warning or a failing cell fails it'
	@echo 'make browser    look at every page of the book, and at JupyterLab, in headless Chromium'
	@echo 'make address    set the address of the repository, once and everywhere'
	@echo '                (make address REPOSITORY=owner/name)'
	@echo 'make notebooks  write notebooks/*.ipynb from notebooks/*.py and the tables of the book,'
	@echo '                carry the address everywhere'
	@echo 'make baselines  draw anew the pictures that the tests of the plots compare with'
	@echo 'make bench      speed and memory against the peers (make bench ARGS=--quick: the first table)'
	@echo 'make triton     install Triton (1 GB) and compare the GPU kernels with the plain loop'
	@echo 'make clean      remove $(VENV), the built book and caches; never a file of yours'
	@echo
	@echo 'The first of them installs everything into $(VENV). Another Python: make lab PYTHON=python3.12'
	@echo 'In a fresh clone, NEWEST=1 takes the newest versions instead of those of constraints.txt.'

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) tools/check_python.py
	@$(PYTHON) tools/install.py

# What tests/test_colab.py installs, fetched here so that the test itself needs no network.
$(COLAB_WHEELS)/.fetched: tests/colab.txt $(INSTALLED)
	@echo "Fetching Colab's versions of some packages, for its rehearsal. Once only."
	@rm -rf $(COLAB_WHEELS)
	@$(PY) $(PIP) download --no-deps --only-binary=:all: --dest $(COLAB_WHEELS) --requirement tests/colab.txt
	@touch $@

# The peer of the event frames, likewise: its full list of requirements is long.
$(TONIC): tests/tonic.txt $(INSTALLED)
	@echo "Installing the peer that event frames are compared with. Once only."
	@$(PY) $(PIP) install --no-deps --requirement tests/tonic.txt
	@touch $@

lab: $(INSTALLED)
	@$(PY) -m course_kit.lab $(ARGS)

test: $(INSTALLED) $(COLAB_WHEELS)/.fetched $(TONIC)
	@echo "[1/4] lint"
	@$(PY) -m ruff check course_kit tutorial_lib tests tools book benchmarks $(NOTEBOOKS)
	@echo "[2/4] notebooks, addresses and tables against their sources"
	@$(PY) -m tools.notebooks --check
	@$(PY) -m tools.tables --check
	@echo "[3/4] unit tests"
	@$(QUICK) $(PY) -m pytest tests --mpl -n 2 --dist loadfile --durations=10
	@echo "[4/4] every notebook, executed on the embedded digits"
	@$(QUICK) PYTHONSTARTUP='$(CURDIR)/tests/kernel_startup.py' \
		$(PY) -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=600 \
		-n 2 --dist loadfile --durations=10 $(NOTEBOOKS)
	@echo "All tests passed."

book: $(INSTALLED)
	@echo "[1/2] the data that the notebooks train on"
	@$(PY) -c 'from tutorial_lib import data; data.load()'
	@echo "[2/2] the book; every notebook is executed, which takes some minutes"
	@$(VENV)/bin/jupyter-book build . --config book/_config.yml --toc book/_toc.yml \
		--path-output book -W --keep-going
	@echo "The book: book/_build/html/index.html"

# Two workers: one looks at the pages, the other plays with the explorers meanwhile.
browser: $(INSTALLED)
	@echo "[1/4] a Chromium"
	@$(PY) -m tests.browser.install
	@echo "[2/4] the book"
	@test -f book/_build/html/index.html || $(MAKE) --no-print-directory book
	@echo "[3/4] its pages, and the notebooks in JupyterLab"
	@BROWSER_TESTS=required $(QUICK) $(PY) -m pytest tests/browser -n 2 --dist loadfile --durations=10
	@echo "[4/4] what a first visit of each page takes"
	@$(PY) -m tests.browser.sizes

# The second peer is installed without what it lists: torchaudio and more, which nothing here uses.
$(PEERS): benchmarks/requirements.txt $(INSTALLED)
	@echo "Installing the second peer. Once only."
	@$(PY) $(PIP) install --no-deps --requirement benchmarks/requirements.txt
	@touch $@

bench: $(PEERS)
	@$(PY) -m benchmarks.speed $(ARGS)

# Triton's interpreter runs the kernels on a CPU: whether they are right, not whether they are fast.
triton: $(INSTALLED)
	@$(PY) $(PIP) install triton
	@OMP_NUM_THREADS=1 $(PY) -m pytest tests/tutorial_lib/fast/test_triton.py

# pyproject.toml changes: `make notebooks` would install everything again first.
address: $(INSTALLED)
	@$(PY) -m tools.address $(REPOSITORY)
	@$(PY) -m tools.notebooks
	@$(PY) -m tools.tables

notebooks: $(INSTALLED)
	@$(PY) -m tools.notebooks
	@$(PY) -m tools.tables

# The pictures that tests/tutorial_lib/test_plotting_pictures.py compares with. Look at each before you commit it.
baselines: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(PY) -m pytest tests/tutorial_lib/test_plotting_pictures.py --mpl-generate-path=tests/tutorial_lib/baseline

clean:
	rm -rf $(VENV) book/_build .pytest_cache .ruff_cache .hypothesis tutorial_lib.egg-info
	find course_kit tutorial_lib tests tools book notebooks $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +
