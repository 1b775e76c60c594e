#!/usr/bin/env bash
# run.sh BUILD [ctest arguments]: runs every test that needs no GPU (the others
# are `make test-gpu`) and is not overlong (`make test-release`), and checks that
# none goes quiet: the number of skipped tests must be the one that follows from
# what this machine lacks (tests/expected_skips.sh). Of a part of the tests,
# chosen by arguments, only 0 is known. The last line is the last in
# test-results/summary, too.
#
# What fails is run once more, alone: time limits are missed where others take the
# cores. A test that passes then is named as flaky, a bug that is to be mended.
set -euo pipefail
build=$(cd "$1" && pwd); shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=$build/test-results
rm -rf "$results"
mkdir -p "$results/1" "$results/2"
# One thread a process; how many cores a test takes, ctest knows.
export OMP_NUM_THREADS=1

status=0
GTEST_OUTPUT="xml:$results/1/" ctest --test-dir "$build" -j 2 \
  --output-on-failure -LE '^(gpu|release)$' "$@" || status=$?
if [ $status != 0 ]; then
  echo "once more, alone:"
  status=0
  GTEST_OUTPUT="xml:$results/2/" ctest --test-dir "$build" -j 1 \
    --output-on-failure --rerun-failed || status=$?
fi
expected=$("$here/expected_skips.sh")
if [ $# != 0 ] && [ "$expected" != 0 ]; then expected=any; fi
python3 "$here/count_results.py" "$results" "$expected" |
  tee "$results/summary" || status=1
exit $status
