#!/usr/bin/env bash
# expected_skips_test.sh ROOT: how many skips are expected where what is there.
# Stand-ins for the programs by which that is found out say what they are told.
set -euo pipefail
root=$(cd "$1" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT

# stand_in NAME COMMAND
stand_in() {
  printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}
# expect NUMBER WHAT [VARIABLE=VALUE]
expect() {
  local number
  number=$(env PATH="$bin:$PATH" "${@:3}" "$root/tests/expected_skips.sh" \
    2>"$bin/said") || { cat "$bin/said"; exit 1; }
  [ "$number" = "$1" ] || { echo "$2: $number, not $1"; exit 1; }
}
number_of() { awk -v what="$1" '$1 == what { print $2 }' "$root/tests/expected_skips"; }

data=$(number_of data) mounts=$(number_of mounts)
tun=$(number_of tun) slurm=$(number_of slurm)
unset LOCKSTEP_TEST_DATA

stand_in id 'echo 0'
stand_in ip 'exit 0'
stand_in unshare 'exit 0'
expect 0 "all is there" LOCKSTEP_TEST_DATA=/data
expect "$data" "without real data"
stand_in id 'echo 1000'
stand_in ip 'exit 1'
stand_in unshare 'exit 1'
expect $((mounts + tun + slurm)) "not root" LOCKSTEP_TEST_DATA=/data
expect $((data + mounts + tun + slurm)) "nothing is there"
grep -q "skipped $tun: " "$bin/said" || { echo "it is not said"; exit 1; }
stand_in id 'echo 0'
stand_in unshare '[ "$1" = --mount ]'
expect $((tun + slurm)) "root without networks" LOCKSTEP_TEST_DATA=/data
stand_in ip 'exit 0'
stand_in unshare '[ "$1" = --net ]'
expect "$mounts" "root that may not mount" LOCKSTEP_TEST_DATA=/data
echo "expected_skips_test: ok"
