#!/usr/bin/env bash
# quickstart_test.sh ROOT BIN: the quickstart comes to its last line, which says
# that the loss fell below 0.8 of what it was, and leaves a whole model.
set -euo pipefail
root=$(cd "$1" && pwd) bin=$(cd "$2" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$root/docs/quickstart/run.sh" "$bin" "$dir/quickstart" | tee "$dir/shown"
last='^quickstart: ok, loss [0-9.]+ -> [0-9.]+ in 80 steps, [0-9]+ tokens/s$'
tail -n 1 "$dir/shown" | grep -Eq "$last" || {
  echo "error: the last line is not $last" >&2; exit 1; }
for file in config.json model.safetensors tokenizer.json trainer_state.json; do
  [ -s "$dir/quickstart/out/$file" ] || {
    echo "error: out/$file is not there" >&2; exit 1; }
done
# The verdict is not always "ok".
sed 's/"loss": *[0-9.]*/"loss": 5.0/' "$dir/quickstart/metrics.json" \
  >"$dir/flat.json"
if python3 "$root/docs/quickstart/summary.py" "$dir/flat.json"; then
  echo "error: a loss that does not fall is called ok" >&2; exit 1
fi
