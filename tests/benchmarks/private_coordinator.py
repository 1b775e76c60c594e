"""What the benchmarks share: programs that must succeed, and a lockstepd of
one's own."""

import contextlib
import json
import os
import subprocess
import tempfile
import time


def run(argv, **kwargs):
  """The standard output of a program; its failure ends ours."""
  result = subprocess.run(argv, capture_output=True, text=True, **kwargs)
  if result.returncode != 0:
    raise SystemExit(f"{' '.join(map(str, argv))}: exit {result.returncode}\n"
                     f"{result.stdout}{result.stderr}")
  return result.stdout


@contextlib.contextmanager
def coordinator(bin_dir, folder):
  """A lockstepd of our own; yields the environment that reaches it."""
  with tempfile.TemporaryDirectory() as socket_dir:
    address = f"unix:{socket_dir}/lockstepd.sock"
    with (folder / "lockstepd.log").open("w") as log:
      daemon = subprocess.Popen(
          [bin_dir / "lockstepd", "--state-dir", folder / "state", "--listen",
           address, "--cpu-slots", "2", "--metrics-address", "127.0.0.1:0"],
          stdout=log, stderr=log)
    environment = dict(os.environ, LOCKSTEP_SERVER=address)
    try:
      for _ in range(100):
        nodes = subprocess.run([bin_dir / "lockstep", "nodes", "list"],
                               env=environment, capture_output=True)
        if nodes.returncode == 0:
          break
        time.sleep(0.1)
      yield environment
    finally:
      daemon.terminate()
      daemon.wait()


def points_of(bin_dir, environment, name):
  """What the steps of a job reported."""
  return [json.loads(line) for line in run(
      [bin_dir / "lockstep", "metrics", name, "-o", "json"],
      env=environment).splitlines()]


def speeds(bin_dir, environment, name, after_step):
  """Tokens a second of each step of a job behind `after_step`."""
  points = points_of(bin_dir, environment, name)
  return [point["values"]["tokens_per_second"] for point in points
          if int(point["step"]) > after_step and "loss" in point["values"]]
