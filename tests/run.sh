#!/usr/bin/env bash
# run.sh BUILD [ctest arguments]: runs every test that needs no GPU (the others
# are `make test-gpu`) and is not overlong (`make test-release`), and checks that
# none goes quiet: the number of skipped tests must be the expected one, which is
# 0 when LOCKSTEP_TEST_DATA names the real data, and tests/expected_skips
# otherwise. Of a part of the tests, chosen by arguments, only the former is
# known. The last line is the last in test-results/summary, too.
set -euo pipefail
build=$(cd "$1" && pwd); shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=$build/test-results
rm -rf "$results"
mkdir -p "$results"
export GTEST_OUTPUT="xml:$results/"
# One thread a process, and one test at a time: a job has two ranks.
export OMP_NUM_THREADS=1

status=0
ctest --test-dir "$build" --output-on-failure -LE '^(gpu|release)$' "$@" || status=$?
expected=0
if [ -z "${LOCKSTEP_TEST_DATA:-}" ]; then
  expected=$(cat "$here/expected_skips")
  if [ $# != 0 ]; then expected=any; fi
  echo "LOCKSTEP_TEST_DATA is not set: tests on real data are skipped"
fi
python3 "$here/count_results.py" "$results" "$expected" |
  tee "$results/summary" || status=1
exit $status
