#!/usr/bin/env bash
# Installs what the build and the tests need, from the package registries only
# (Debian, PyPI, crates.io, npm). Run by `make toolchain`; does nothing, in well
# under a second, when everything is already there.
#
#   deploy/toolchain/install.sh          install what is missing
#   deploy/toolchain/install.sh --where  print the folder of the tools
#
# The Python environments (LibTorch; nvcc; cuDNN's front end; the test oracles;
# clang-tidy; what makes the dashboards; readers of formats) live outside the source tree, named by
# the digest of their lock file, so that clones share them and a changed lock
# makes a new one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${LOCKSTEP_TOOLCHAIN_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/lockstep/toolchain}

digest() { cat "$@" | sha256sum | cut -c1-12; }
torch_env=$root/torch-$(digest "$here/torch.lock")
cuda_env=$root/cuda-$(digest "$here/cuda.lock")
oracle_env=$root/oracle-$(digest "$here/torch.lock" "$here/oracle.lock")
cudnn_env=$root/cudnn-$(digest "$here/cudnn.lock")
lint_env=$root/lint-$(digest "$here/lint.lock")
dashboards_env=$root/dashboards-$(digest "$here/dashboards.lock")
checks_env=$root/checks-$(digest "$here/checks.lock")
buf_dir=$root/buf-$(digest "$here/buf/package-lock.json")
prometheus_dir=$root/prometheus-debian12
slurm_dir=$root/slurm-debian12

if [ "${1:-}" = --where ]; then
  cat <<EOF
LOCKSTEP_TORCH_ENV=$torch_env
LOCKSTEP_CUDA_ENV=$cuda_env
LOCKSTEP_CUDNN_ENV=$cudnn_env
LOCKSTEP_ORACLE_ENV=$oracle_env
LOCKSTEP_LINT_ENV=$lint_env
LOCKSTEP_DASHBOARDS_ENV=$dashboards_env
LOCKSTEP_CHECKS_ENV=$checks_env
LOCKSTEP_BUF=$buf_dir/node_modules/@bufbuild/buf-linux-x64/bin/buf
LOCKSTEP_PROMETHEUS=$prometheus_dir/usr/bin
LOCKSTEP_SLURM=$slurm_dir
EOF
  exit 0
fi

say() { printf 'toolchain: %s\n' "$*" >&2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_debian_packages() {
  local wanted missing=() package
  wanted=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/debian-packages.txt")
  # Any cargo of 1.85 or newer serves; Debian's is only the fallback. So with npm.
  local have_cargo=0 have_npm=0
  if command -v cargo >/dev/null &&
      [ "$(printf '1.85\n%s\n' "$(cargo --version | cut -d' ' -f2)" |
        sort -V | head -1)" = 1.85 ]; then
    have_cargo=1
  fi
  if command -v npm >/dev/null; then have_npm=1; fi
  [ $have_npm = 1 ] || wanted="$wanted npm"
  for package in $wanted; do
    [ "$package" = cargo-web ] && [ $have_cargo = 1 ] && continue
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing Debian packages: ${missing[*]}"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# make_env DIR LOCK...: a virtual environment that appears whole or not at all.
make_env() {
  local dir=$1; shift
  [ -e "$dir/.complete" ] && return
  say "creating $dir"
  rm -rf "$dir"
  mkdir -p "$root"
  /usr/bin/python3 -m venv "$dir"
  local lock
  for lock in "$@"; do
    "$dir/bin/pip" install -q --disable-pip-version-check --no-deps \
      --require-hashes -r "$lock"
  done
  touch "$dir/.complete"
}

# The oracles (Transformers, PEFT, TensorBoard) see LibTorch's environment
# through a .pth file, so that its 4.7 GB exist once.
link_torch_into_oracles() {
  local site
  site=$(echo "$oracle_env"/lib/python3*/site-packages)
  [ -e "$site/torch_env.pth" ] && return
  echo "$torch_env"/lib/python3*/site-packages >"$site/torch_env.pth"
}

install_buf() {
  [ -e "$buf_dir/.complete" ] && return
  say "installing buf"
  rm -rf "$buf_dir"
  mkdir -p "$buf_dir"
  cp "$here/buf/package.json" "$here/buf/package-lock.json" "$buf_dir/"
  (cd "$buf_dir" && npm ci --silent --ignore-scripts --no-audit --no-fund)
  touch "$buf_dir/.complete"
}

# unpack DIR PACKAGE...: not installed, or the packages would start services on
# this machine.
unpack() {
  local dir=$1; shift
  [ -e "$dir/.complete" ] && return
  say "unpacking $*"
  rm -rf "$dir"
  mkdir -p "$dir"
  (
    cd "$dir"
    apt-get download -q "$@" >/dev/null 2>&1 || {
      as_root apt-get update -q
      apt-get download -q "$@" >/dev/null
    }
    for package in *.deb; do dpkg -x "$package" .; done
    rm -- *.deb
  )
  touch "$dir/.complete"
}

install_debian_packages
make_env "$torch_env" "$here/torch.lock"
make_env "$cuda_env" "$here/cuda.lock"
make_env "$cudnn_env" "$here/cudnn.lock"
make_env "$oracle_env" "$here/oracle.lock"
make_env "$lint_env" "$here/lint.lock"
make_env "$dashboards_env" "$here/dashboards.lock"
make_env "$checks_env" "$here/checks.lock"
link_torch_into_oracles
install_buf
unpack "$prometheus_dir" prometheus
# Slurm of two hosts on one machine, for its tests (tests/testing/slurm_lab.h).
unpack "$slurm_dir" slurmctld slurmd slurm-client slurm-wlm-basic-plugins \
  munge libmunge2 libhwloc15
