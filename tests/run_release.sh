#!/usr/bin/env bash
# run_release.sh BUILD [ctest arguments]: runs the acceptance tests in full
# length, which takes too long for every change, and writes what they showed,
# with the revision, to docs/release_tests.md when all of them passed; with ctest's
# -R or -E, of those alone.
set -euo pipefail
build=$(cd "$1" && pwd); shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OMP_NUM_THREADS=1
report=$build/release-results.xml

"$here/acceptance/build_previous.sh" "$build"
ctest --test-dir "$build" --output-on-failure --no-tests=error -L release \
  --test-output-size-passed 1000000 --output-junit "$report" "$@"
python3 "$here/acceptance/release_page.py" "$here/../docs/release_tests.md" \
  "$report"
echo "written: docs/release_tests.md"
