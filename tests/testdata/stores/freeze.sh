#!/usr/bin/env bash
# freeze.sh BIN FILE: the store of this release, for the releases that come
# after it. Made once for each version of the schema, when it is released; FILE
# is vN.db beside this script, and is never changed again.
#
# In it: a job that succeeded, one that failed in prepare, one that was deleted,
# one that runs and whose first checkpoint is pinned, one that was cancelled and
# one that waits, of a coordinator that is drained.
set -euo pipefail
bin=$(cd "$1" && pwd)
file=$(realpath -m "$2")
data=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ ! -e "$file" ] || { echo "error: $file is there and frozen" >&2; exit 1; }
# Paths get into the store, and are to be the same wherever it is made.
dir=/tmp/frozen
mkdir "$dir"
cp -r "$data/models/tiny-llama" "$dir/model"
cp "$data/data/text.jsonl" "$dir/text.jsonl"

export PATH=$bin:$PATH LOCKSTEP_SERVER=unix:$dir/lockstepd.sock
lockstepd --state-dir "$dir/state" --listen "$LOCKSTEP_SERVER" --cpu-slots 1 \
  --metrics-address off >"$dir/lockstepd.log" 2>&1 &
daemon=$!
stop() {
  lockstep jobs cancel long >/dev/null && lockstep wait long >/dev/null || true
  kill "$daemon" && wait "$daemon" || true
  rm -rf "$dir"
}
trap stop EXIT
until grep -q '^lockstepd: listening' "$dir/lockstepd.log"; do
  kill -0 "$daemon" 2>/dev/null || { cat "$dir/lockstepd.log"; exit 1; }
  sleep 0.1
done

# submit NAME STEPS SAVE_STEPS MODEL [flags]
submit() {
  cat >"$dir/job.yaml" <<EOF
apiVersion: lockstep/v1
model: {path: $4}
method: {lora: {r: 8}}
data: {train: [{path: $dir/text.jsonl}], max_length: 64}
train: {max_steps: $2}
checkpoint: {save_steps: $3, save_total_limit: 2}
labels: {team: nlp}
resources: {device: cpu, ranks: 1}
output_dir: $dir/out/$1
EOF
  lockstep submit "$dir/job.yaml" --name "$1" --request-id "request-$1" "${@:5}"
}

submit done 4 2 "$dir/model" --wait
submit broken 4 2 "$dir/none" --wait || true
submit gone 4 2 "$dir/model" --wait
submit long 1000000 500 "$dir/model"
submit stopped 4 2 "$dir/model"
lockstep jobs cancel stopped
submit waiting 4 2 "$dir/model" --priority high
until lockstep checkpoints list long 2>/dev/null | grep -q checkpoint-500; do
  kill -0 "$daemon"
  sleep 0.1
done
lockstep checkpoints pin long 500
lockstep server drain
# By now its processes have ended, too.
lockstep jobs delete gone --yes
lockstep server backup "$file"
lockstep jobs list
