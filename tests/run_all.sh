#!/usr/bin/env bash
# run_all.sh BUILD: what `make test` runs once BUILD is built: every test in it,
# then those that can under AddressSanitizer and under ThreadSanitizer, in folders
# beside it. All of it also after a failure; the last lines say what came out.
set -uo pipefail
build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=("plain=$build/test-results")
# Nothing of an earlier run is counted.
rm -rf "$build/test-results"

failed=()
"$here/run.sh" "$build" || failed+=("the plain build")
for sanitizer in address thread; do
  folder=$build-$sanitizer
  results+=("$sanitizer=$folder/test-results")
  rm -rf "$folder/test-results"
  "$here/run_sanitized.sh" "$sanitizer" "$build" "$folder" ||
    failed+=("the $sanitizer sanitizer")
done

echo
python3 "$here/count_results.py" --sum "${results[@]}" ||
  [ ${#failed[@]} != 0 ] || failed+=("the count")
if [ ${#failed[@]} != 0 ]; then
  printf 'make test: FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "make test: passed"
