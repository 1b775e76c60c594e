#!/usr/bin/env bash
# bundle.sh BUILD OUT.tar.gz: packs the programs with the libraries that
# they need, so that they run on another host as they are. LibTorch and NVIDIA's
# libraries are not in it: the host has the torch wheel that they were built
# against (deploy/toolchain/torch.lock), with which python3 finds them.
set -euo pipefail
build=$(cd "$1" && pwd)
out=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/lockstep
mkdir -p "$root/bin" "$root/libexec" "$root/lib"
for program in lockstep lockstepd lockstep-worker; do
  install -s "$build/bin/$program" "$root/libexec/$program"
  install -m 755 "$here/run.sh" "$root/bin/$program"
done
# Started by lockstep-worker alone, with the libraries that this was given.
install -s "$build/bin/lockstep-rank" "$root/libexec/lockstep-rank"
"$build/bin/lockstep" help man --folder "$root/share/man/man1" >/dev/null
# The host brings Torch's and NVIDIA's.
libraries=$(ldd "$root"/libexec/*)
if grep 'not found' <<<"$libraries" | grep -v -E 'lib(torch|c10|cu|nccl|nv)'; then
  echo "bundle.sh: these libraries are not here" >&2
  exit 1
fi
# What the system's C library brings must match its loader, and stays out.
echo "$libraries" | awk '$3 ~ /^\// {print $3}' | sort -u |
  grep -v -E '/(torch|nvidia)/|/(ld-linux[^/]*|lib(c|m|mvec|anl|dl|rt|pthread|resolv|util))\.so' |
  while read -r library; do
    install -m 644 "$library" "$root/lib/"
  done
tar -C "$work" -czf "$out" lockstep
size=$(stat -c %s "$out")
echo "$out: $((size / 1048576)) MiB"
if ((size > 40 * 1048576)); then
  echo "bundle.sh: more than 40 MiB" >&2
  exit 1
fi
