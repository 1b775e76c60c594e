#!/usr/bin/env bash
# Runs the program of the same name in ../libexec with the libraries of the
# bundle, and with those of the torch wheel of $LOCKSTEP_PYTHON (python3), which
# lockstep-rank needs.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
path=$here/lib
# Only asked once: lockstepd hands what it found on to its workers.
if [[ :${LD_LIBRARY_PATH:-}: != *":$here/lib:"* ]]; then
  site=$("${LOCKSTEP_PYTHON:-python3}" -c '
import importlib.util, os
spec = importlib.util.find_spec("torch")
print(os.path.dirname(os.path.dirname(spec.origin)) if spec else "")')
  if [[ -n $site ]]; then
    path=$path:$site/torch/lib
    for folder in "$site"/nvidia/*/lib; do path=$path:$folder; done
  fi
  export LD_LIBRARY_PATH=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
exec "$here/libexec/$(basename "$0")" "$@"
