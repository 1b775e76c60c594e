# Thin names over deploy/toolchain, CMake and ctest.
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: quickstart test test-gpu build toolchain format lint bench-hf bench-load clean

toolchain:
	@deploy/toolchain/install.sh

# Configures and builds everything.
build: toolchain
	@deploy/toolchain/configure.sh $(BUILD)
	@cmake --build $(BUILD) -j $(JOBS)

# Everything CI checks.
test: build
	@tests/run.sh $(BUILD)

# What needs a GPU.
test-gpu: build
	@ctest --test-dir $(BUILD) --output-on-failure -L gpu

# A private coordinator, a tiny model, a job on two ranks, a plot of its loss.
quickstart: build
	@docs/quickstart/run.sh $(BUILD)/bin

format:
	@git ls-files '*.cc' '*.h' '*.cu' '*.cuh' | xargs clang-format -i

lint: build
	@tests/lint/clang_tidy.py $(BUILD)

bench-hf: build
	@tests/benchmarks/bench_hf.sh $(BUILD)

# What the coordinator bears: jobs, watchers, metric points.
bench-load: build
	@LOCKSTEP_BIN_DIR=$(BUILD)/bin $(BUILD)/tests/load_benchmark

clean:
	rm -rf $(BUILD)
