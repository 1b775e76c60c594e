#!/usr/bin/env bash
# bench_hf.sh BUILD: ours against the HF Trainer on the CPU, in the same run.
# See bench_hf.py; the last line is `ratio: R`, the smallest of the four.
set -euo pipefail
build=$(cd "$1" && pwd); shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
eval "$("$here/../../deploy/toolchain/install.sh" --where)"
exec "$LOCKSTEP_ORACLE_ENV/bin/python" "$here/bench_hf.py" --bin "$build/bin" "$@"
