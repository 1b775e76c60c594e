"""What the tests of the command line in a terminal begin with: a real lockstepd on
a UNIX socket, with one slot, and jobs that train until the test ends."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests/testdata"
JOB = """apiVersion: lockstep/v1
model: {{path: {fixtures}/models/tiny-llama}}
method: {{lora: {{r: 8}}}}
data: {{train: [{{path: {fixtures}/data/text.jsonl}}], max_length: 64}}
train: {{max_steps: {steps}}}
checkpoint: {{save_steps: {save_steps}}}
resources: {{device: cpu, ranks: 1}}
output_dir: {out}
"""


class CoordinatorCase(unittest.TestCase):
  # The folder of the built programs; set before the tests run.
  BIN = None

  @classmethod
  def setUpClass(cls):
    cls.exit = contextlib.ExitStack()
    cls.addClassCleanup(cls.exit.close)
    cls.folder = pathlib.Path(
        cls.exit.enter_context(tempfile.TemporaryDirectory()))
    address = f"unix:{cls.folder}/lockstepd.sock"
    cls.environment = dict(os.environ, LOCKSTEP_SERVER=address,
                           LC_ALL="C.UTF-8", TERM="screen")
    cls.environment.pop("NO_COLOR", None)
    daemon = cls.exit.enter_context(subprocess.Popen(
        [cls.BIN / "lockstepd", "--state-dir", cls.folder / "state", "--listen",
         address, "--cpu-slots", "1", "--metrics-address", "off"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    cls.exit.callback(daemon.terminate)
    if "listening" not in daemon.stderr.readline():
      raise AssertionError("lockstepd does not listen")
    # Or it waits for somebody to read.
    threading.Thread(target=daemon.stderr.read, daemon=True).start()

  @classmethod
  def submit(cls, name, steps=100000, save_steps=0):
    path = cls.folder / f"{name}.yaml"
    path.write_text(JOB.format(fixtures=FIXTURES, out=cls.folder / name,
                               steps=steps, save_steps=save_steps))
    cls.lockstep("submit", path, "--name", name)
    cls.exit.callback(cls.end, name)

  @classmethod
  def wait_until_runs(cls, name):
    events = subprocess.Popen([cls.BIN / "lockstep", "events", name, "-f"],
                              stdout=subprocess.PIPE, env=cls.environment,
                              text=True)
    with events:
      if not any("-> RUNNING" in line for line in events.stdout):
        raise AssertionError(f"{name} has ended")
      events.terminate()

  @classmethod
  def end(cls, name):
    for words in (("jobs", "cancel", name), ("wait", name, "--timeout", "30s")):
      subprocess.run([cls.BIN / "lockstep", *words], env=cls.environment,
                     capture_output=True)

  @classmethod
  def lockstep(cls, *arguments):
    return subprocess.run([cls.BIN / "lockstep", *arguments], check=True,
                          env=cls.environment, capture_output=True,
                          text=True).stdout
