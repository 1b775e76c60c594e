#!/usr/bin/env bash
# build_previous.sh BUILD: builds the programs of the release before this one from
# their own sources, into BUILD/previous/build/bin, for tests of an upgrade. The
# release is the revision in the file previous_release beside this one; nothing
# is done when it is built already.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
revision=$(cat "$here/previous_release")
previous=$build/previous
if [ "$(cat "$previous/built" 2>/dev/null)" = "$revision" ]; then exit 0; fi

rm -rf "$previous"
mkdir -p "$previous/source"
git -C "$here/../.." archive "$revision" | tar -x -C "$previous/source"
cd "$previous/source"
deploy/toolchain/install.sh
deploy/toolchain/configure.sh "$previous/build"
cmake --build "$previous/build" -j "${JOBS:-$(nproc)}" \
  --target lockstepd lockstep-worker
echo "$revision" >"$previous/built"
