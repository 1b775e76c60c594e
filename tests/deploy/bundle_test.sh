#!/usr/bin/env bash
# bundle_test.sh BUILD PYTHON: what `make bundle` packs runs a job from a folder
# of its own, with PYTHON's torch.
set -euo pipefail
build=$(cd "$1" && pwd)
export LOCKSTEP_PYTHON=$2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/deploy/bundle/bundle.sh" "$build" "$work/lockstep.tar.gz"
tar -C "$work" -xzf "$work/lockstep.tar.gz"
# The job needs all programs, each of which finds the next.
data=$root/tests/testdata
"$work/lockstep/bin/lockstep" run "$root/tests/deploy/job.yaml" \
  --set "model.path=$data/models/tiny-llama" \
  --set "data.train[0].path=$data/data/text.jsonl" \
  --set "output_dir=$work/out"
test -f "$work/out/adapter_model.safetensors"
"$work/lockstep/bin/lockstep-worker" --version
test -s "$work/lockstep/share/man/man1/lockstep-plot.1"
