#!/usr/bin/env bash
# run_sanitized.sh address|thread BUILD FOLDER [ctest arguments]: builds what can
# run under the sanitizer (deploy/toolchain/cmake/Sanitizers.cmake) in FOLDER and
# runs it. What is not instrumented is taken from BUILD: the Rust library.
set -euo pipefail
sanitizer=$1 build=$(realpath -m "$2") folder=$3
shift 3
jobs=${JOBS:-$(nproc)}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/../deploy/toolchain/configure.sh" "$folder" \
  -DLOCKSTEP_SANITIZE="$sanitizer" -DLOCKSTEP_CUDA=OFF \
  -DLOCKSTEP_SHIM_BUILD="$build/worker/text/shim"
cmake --build "$folder" -j "$jobs" --target lockstep_sanitized

# Kernels that spread addresses widely leave a sanitizer no room for its own.
fixed=()
if setarch -R true 2>/dev/null; then fixed=(setarch -R); fi
exec "${fixed[@]}" "$here/run.sh" "$folder" -L sanitized -j "$jobs" "$@"
