#!/usr/bin/env bash
# clang_tidy.sh BUILD ci|all [FILE...]: runs clang-tidy over our sources, or over
# those named, by their paths in the repository. `ci` leaves out
# the files that include ATen, which cost half a minute each, and the checks that
# take two fifths of the time elsewhere and seldom find a bug. A file that was
# clean with the same text, the same headers that its folder may include and the
# same checks is not looked at again: marks lie in the user's cache.
set -euo pipefail
build=$(cd "$1" && pwd)
mode=$2
shift 2
case $mode in ci | all) ;; *) echo "$0: mode $mode: ci or all" >&2; exit 2 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
marks=${XDG_CACHE_HOME:-$HOME/.cache}/lockstep/clang-tidy
mkdir -p "$marks"
left_out=
if [ "$mode" = ci ]; then
  left_out=-bugprone-multiple-statement-macro,-bugprone-reserved-identifier
  left_out+=,-bugprone-sizeof-expression,-bugprone-stringview-nullptr
  left_out+=,-bugprone-suspicious-semicolon,-bugprone-suspicious-string-compare
  left_out+=,-bugprone-undelegated-constructor,-modernize-use-nullptr
  left_out+=,-performance-unnecessary-value-param
fi
checks=$(cat .clang-tidy <(clang-tidy --version; echo "$left_out") |
  sha256sum | cut -c1-16)

# digest_of FOLDER...: of all headers below them.
digest_of() {
  git ls-files -- "${@/%//*.h}" "${@/%//*.proto}" | xargs cat | sha256sum |
    cut -c1-16
}
# What a file of this folder may include (tests/layering).
declare -A headers=(
  [proto]=$(digest_of proto)
  [kernels]=$(digest_of kernels)
  [client]=$(digest_of proto client)
  [server]=$(digest_of proto server)
  [worker]=$(digest_of proto kernels worker)
  [tests]=$(digest_of proto kernels client server worker tests)
)
for folder in proto kernels client server worker; do
  headers[tests/$folder]=${headers[$folder]}-$(digest_of tests)
done
headers_of() {
  local folder=${1%/*}
  while [ -z "${headers[$folder]:-}" ]; do folder=${folder%/*}; done
  echo "${headers[$folder]}"
}

# clang-tidy cannot read GCC's precompiled headers: the same commands without.
commands=$(mktemp -d)
trap 'rm -rf "$commands"' EXIT
sed -E 's/-Winvalid-pch//; s/-include [^ ]*cmake_pch\.hxx//' \
  "$build/compile_commands.json" >"$commands/compile_commands.json"

sources=()
while read -r file; do
  if [ "$mode" = ci ] &&
      [[ "$file" =~ ^(tests/)?worker/(comm|model|memory|optim|train)/|^worker/worker\.cc$|^tests/benchmarks/ ]]; then
    continue
  fi
  # Only what this build compiles has flags to check it with.
  grep -qF "/$file\"" "$build/compile_commands.json" && sources+=("$file")
done < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else git ls-files '*.cc'; fi)

check_one() {
  local file=$1 mark
  mark=$marks/$(sha256sum "$file" | cut -c1-24)-$2-$3
  [ -e "$mark" ] && return 0
  if clang-tidy --quiet -p "$4" --checks="$left_out" "$file" 2>/dev/null; then
    touch "$mark"
  else
    echo "clang-tidy: $file" >&2
    return 1
  fi
}
export -f check_one
export marks left_out
for file in "${sources[@]}"; do
  printf '%s %s\n' "$file" "$(headers_of "$file")"
done | xargs -r -P "$(nproc)" -L1 bash -c \
  'check_one "$3" "$4" "$1" "$2"' _ "$checks" "$commands"
echo "clang-tidy: ${#sources[@]} files clean"
