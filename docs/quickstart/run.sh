#!/usr/bin/env bash
# run.sh BIN [DIR]: the quickstart. Starts a private coordinator, makes a tiny
# model with a tokenizer trained on our own documents, submits job.yaml through
# the command line, follows it, plots its loss. Everything it writes lies in DIR
# (default: quickstart/ beside BIN), which is made anew.
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${2:-$bin/../quickstart}
rm -rf "$dir"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export PATH=$bin:$PATH

say() { printf '\n> %s\n' "$*"; }

say "a tokenizer and a tiny Llama, made from this project's documents"
python3 "$here/make_data.py" "$root" "$dir/data.jsonl"
lockstep-worker tokenizer train --files "$dir/data.jsonl" --vocab-size 512 \
  --output "$dir/tokenizer"
lockstep-worker init-model --architecture llama --hidden-size 64 --layers 2 \
  --heads 4 --kv-heads 2 --intermediate-size 176 --seed 1 \
  --tokenizer "$dir/tokenizer" --output "$dir/model"

say "lockstepd, private to this run"
# The socket's path must be short (108 bytes), so it has a folder of its own.
run_dir=$(mktemp -d)
export LOCKSTEP_SERVER=unix:$run_dir/lockstepd.sock
lockstepd --state-dir "$dir/state" --listen "$LOCKSTEP_SERVER" --cpu-slots 2 \
  --metrics-address 127.0.0.1:0 >"$dir/lockstepd.log" 2>&1 &
daemon=$!
stop() {
  kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null
  rm -rf "$run_dir"
}
trap stop EXIT
until grep -q '^lockstepd: listening' "$dir/lockstepd.log"; do
  kill -0 "$daemon" 2>/dev/null || { cat "$dir/lockstepd.log"; exit 1; }
  sleep 0.1
done

say "lockstep submit job.yaml --follow"
cp "$here/job.yaml" "$dir/job.yaml"
lockstep submit "$dir/job.yaml" --follow

say "lockstep plot quickstart"
lockstep plot quickstart
lockstep metrics quickstart -o json >"$dir/metrics.json"

say "what Hugging Face loads: $dir/out"
ls "$dir/out"
python3 "$here/summary.py" "$dir/metrics.json"
