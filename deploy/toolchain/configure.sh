#!/usr/bin/env bash
# configure.sh BUILD [cmake options]: configures the build folder, if needed.
set -euo pipefail
build=$1; shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
eval "$("$here/install.sh" --where)"
cmake -S "$here/../.." -B "$build" -G Ninja --log-level=WARNING \
  -DLOCKSTEP_TORCH_ENV="$LOCKSTEP_TORCH_ENV" \
  -DLOCKSTEP_CUDA_ENV="$LOCKSTEP_CUDA_ENV" \
  -DLOCKSTEP_CUDNN_ENV="$LOCKSTEP_CUDNN_ENV" \
  -DLOCKSTEP_ORACLE_ENV="$LOCKSTEP_ORACLE_ENV" \
  -DLOCKSTEP_DASHBOARDS_ENV="$LOCKSTEP_DASHBOARDS_ENV" \
  -DLOCKSTEP_CHECKS_ENV="$LOCKSTEP_CHECKS_ENV" \
  -DLOCKSTEP_BUF="$LOCKSTEP_BUF" \
  -DLOCKSTEP_PROMETHEUS="$LOCKSTEP_PROMETHEUS" \
  -DLOCKSTEP_SLURM="$LOCKSTEP_SLURM" "$@" >/dev/null
