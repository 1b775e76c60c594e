#!/usr/bin/env bash
# expected_skips.sh: prints how many tests are skipped on this machine, which
# follows from what it lacks: a line of tests/expected_skips for each such thing
# has its name, a number of tests, and what is said of it on standard error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# As the tests themselves find out.
has() {
  case $1 in
    data) [ -n "${LOCKSTEP_TEST_DATA:-}" ] ;;
    mounts) unshare --mount true ;;
    tun) unshare --net ip tuntap add dev lockstep0 mode tun ;;
    slurm)
      [ "$(id -u)" = 0 ] && ip netns add "lockstep-run-$$" &&
        ip netns del "lockstep-run-$$" ;;
  esac
}

expected=0
while read -r what count why; do
  case $what in
    data | mounts | tun | slurm) ;;
    *) echo "error: tests/expected_skips: $what has no probe" >&2; exit 1 ;;
  esac
  if ! has "$what" 2>/dev/null; then
    expected=$((expected + count))
    echo "skipped $count: $why" >&2
  fi
done <"$here/expected_skips"
echo "$expected"
