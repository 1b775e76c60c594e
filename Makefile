# Thin names over deploy/toolchain, CMake and ctest.
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: quickstart test test-asan test-tsan test-release test-gpu \
        build programs toolchain format lint bench-hf bench-gpu bench-load bench-telemetry bundle clean

toolchain:
	@deploy/toolchain/install.sh

# Configures and builds everything.
build: toolchain
	@deploy/toolchain/configure.sh $(BUILD)
	@cmake --build $(BUILD) -j $(JOBS)

# Everything CI checks: all tests, and if they pass, those that can once more
# under each sanitizer. The last lines say how many passed in each build.
test: build
	@tests/run.sh $(BUILD)
	@JOBS=$(JOBS) tests/run_sanitized.sh address $(BUILD) $(BUILD)-address
	@JOBS=$(JOBS) tests/run_sanitized.sh thread $(BUILD) $(BUILD)-thread
	@for build in $(BUILD) $(BUILD)-address $(BUILD)-thread; do \
	  echo "$$build: $$(tail -n 1 $$build/test-results/summary)"; done

# The unit tests that link no Torch, under AddressSanitizer and UBSan; and those
# of them with threads and without gRPC, under ThreadSanitizer.
test-asan: toolchain
	@JOBS=$(JOBS) tests/run_sanitized.sh address $(BUILD) $(BUILD)-address
test-tsan: toolchain
	@JOBS=$(JOBS) tests/run_sanitized.sh thread $(BUILD) $(BUILD)-thread

# The acceptance tests in full length; what they show goes to
# docs/release_tests.md.
test-release: build
	@tests/run_release.sh $(BUILD) $(ARGS)

# What needs a GPU.
test-gpu: build
	@ctest --test-dir $(BUILD) --output-on-failure -L gpu

# The programs alone, which takes two thirds of the time.
programs: toolchain
	@deploy/toolchain/configure.sh $(BUILD)
	@cmake --build $(BUILD) -j $(JOBS) \
	  --target lockstep lockstepd lockstep-worker

# A private coordinator, a tiny model, a job on two ranks, a plot of its loss.
quickstart: programs
	@docs/quickstart/run.sh $(BUILD)/bin

format:
	@git ls-files '*.cc' '*.h' '*.cu' '*.cuh' | xargs clang-format -i

lint: build
	@tests/lint/clang_tidy.py $(BUILD)

bench-hf: build
	@tests/benchmarks/bench_hf.sh $(BUILD)

# On a machine with GPUs, and PyTorch for python3.
bench-gpu: build
	@python3 tests/benchmarks/bench_gpu.py --bin $(BUILD)/bin $(ARGS)

# The programs for another host, whose python3 has the same torch wheel.
bundle: build
	@deploy/bundle/bundle.sh $(BUILD) $(BUILD)/lockstep.tar.gz

# What the coordinator bears: jobs, watchers, metric points.
bench-load: build
	@LOCKSTEP_BIN_DIR=$(BUILD)/bin $(BUILD)/tests/load_benchmark

# What it costs a job to be watched.
bench-telemetry: build
	@eval "$$(deploy/toolchain/install.sh --where)" && \
	  LOCKSTEP_SOURCE_DIR=$(CURDIR) LOCKSTEP_BIN_DIR=$(BUILD)/bin \
	  $(BUILD)/tests/telemetry_benchmark

clean:
	rm -rf $(BUILD) $(BUILD)-address $(BUILD)-thread
