#!/usr/bin/env bash
# Every C++ file is formatted as .clang-format says (make format mends it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
git ls-files '*.cc' '*.h' '*.cu' '*.cuh' | xargs clang-format --dry-run -Werror
