#!/usr/bin/env python3
"""prometheus_test.py BIN PROMETHEUS: the rules in deploy/prometheus are sound, and
a real Prometheus scrapes what a real lockstepd exports of a job that trains.

PROMETHEUS is the folder of the programs prometheus and promtool.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RULES = ROOT / "deploy/prometheus/lockstep.rules.yaml"
FIXTURES = ROOT / "tests/testdata"
DEADLINE_SECONDS = 60
JOB = """apiVersion: lockstep/v1
model: {{path: {fixtures}/models/tiny-llama}}
method: {{lora: {{r: 8}}}}
data: {{train: [{{path: {fixtures}/data/text.jsonl}}], max_length: 64}}
train: {{max_steps: 100000}}
checkpoint: {{save_steps: 0}}
resources: {{device: cpu, ranks: 1}}
output_dir: {out}
"""


def promtool(*arguments, **kwargs):
  return subprocess.run([PROMETHEUS / "promtool", *arguments], text=True,
                        capture_output=True, **kwargs)


@contextlib.contextmanager
def program(argv, said):
  """Runs argv until the block ends; yields what `said` finds in its output."""
  with subprocess.Popen(list(map(str, argv)), stderr=subprocess.PIPE,
                        stdout=subprocess.DEVNULL, text=True) as process:
    try:
      text = ""
      for line in process.stderr:
        text += line
        found = re.search(said, text, re.DOTALL)
        if found:
          break
      else:
        raise AssertionError(f"{argv[0]} ended: {text}")
      # Or it waits for somebody to read.
      threading.Thread(target=process.stderr.read, daemon=True).start()
      yield found.group(1)
    finally:
      process.terminate()


def fetch(url):
  with urllib.request.urlopen(url, timeout=10) as answer:
    return answer.read().decode()


class RulesTest(unittest.TestCase):

  def test_are_what_prometheus_can_read(self):
    for arguments in (("check", "rules", RULES),
                      ("check", "config", RULES.parent / "prometheus.yaml")):
      result = promtool(*arguments)
      self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

  def test_fire_and_are_silent(self):
    result = promtool("test", "rules", "rules_test.yaml", cwd=HERE)
    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

  def test_each_alert_is_tested_and_has_its_section(self):
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    tests = (HERE / "rules_test.yaml").read_text()
    page = (ROOT / "docs/operations.md").read_text()
    self.assertEqual(len(alerts), 7)
    for alert in alerts:
      # Silent, and in one case firing.
      self.assertGreaterEqual(tests.count(alert + "}"), 1, alert)
      self.assertIn(f"alertname: {alert}\n        exp_alerts:", tests)
      self.assertIn(f"\n### {alert}\n", page)
      self.assertIn(f"docs/operations.md#{alert.lower()}", RULES.read_text())


class ScrapeTest(unittest.TestCase):

  def setUp(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.folder = pathlib.Path(folder.name)
    self.environment = dict(os.environ, LOCKSTEP_SERVER=(
        f"unix:{self.folder}/lockstepd.sock"))

  def lockstep(self, *arguments, check=True):
    subprocess.run([BIN / "lockstep", *arguments], env=self.environment,
                   check=check, capture_output=True)

  def start(self, argv, said):
    stack = contextlib.ExitStack()
    self.addCleanup(stack.close)
    return stack.enter_context(program(argv, said))

  def start_prometheus(self, target):
    config = self.folder / "prometheus.yaml"
    config.write_text(
        "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\n"
        f"rule_files: [{RULES}]\n"
        "scrape_configs:\n- job_name: lockstepd\n"
        f"  static_configs: [{{targets: ['{target}']}}]\n")
    return self.start(
        [PROMETHEUS / "prometheus", f"--config.file={config}",
         f"--storage.tsdb.path={self.folder}/tsdb",
         "--web.listen-address=127.0.0.1:0", "--log.level=info"],
        r'Listening on" address=([\d.:]+).*Server is ready')

  def until(self, address, expression):
    """The value once Prometheus has one; it scrapes five times a second."""
    query = urllib.parse.urlencode({"query": expression})
    pause = threading.Event()
    for _ in range(10 * DEADLINE_SECONDS):
      result = json.loads(fetch(f"http://{address}/api/v1/query?{query}"))
      if result["data"]["result"]:
        return float(result["data"]["result"][0]["value"][1])
      pause.wait(0.1)
    raise AssertionError(f"no series for {expression}")

  def test_of_a_job_that_trains(self):
    url = self.start(
        [BIN / "lockstepd", "--state-dir", self.folder / "state", "--listen",
         self.environment["LOCKSTEP_SERVER"], "--cpu-slots", "1",
         "--metrics-address", "127.0.0.1:0"],
        r"metrics (http://[^/]+/metrics)")
    job = self.folder / "job.yaml"
    job.write_text(JOB.format(fixtures=FIXTURES, out=self.folder / "out"))
    self.lockstep("submit", str(job), "--name", "scraped")
    # It ends without success.
    self.addCleanup(self.lockstep, "wait", "scraped", check=False)
    self.addCleanup(self.lockstep, "jobs", "cancel", "scraped")
    address = self.start_prometheus(re.search(r"//(.*)/", url).group(1))

    self.assertGreater(self.until(address, "lockstep_train_step > 20"), 20)
    self.assertEqual(
        self.until(address, 'lockstep_job_state{state="running"} == 1'), 1)
    self.assertGreater(
        self.until(address, "lockstep:train_tokens:rate5m > 0"), 0)
    self.assertGreater(
        self.until(address, "job_id:lockstep_train_step_duration_seconds:p50_5m"
                   " > 0"), 0)
    self.assertGreaterEqual(self.until(
        address, "method:lockstep_grpc_server_handling_seconds:p99_5m >= 0"), 0)
    self.assertEqual(self.until(
        address, 'count(ALERTS{alertstate="firing"}) or vector(0)'), 0)
    page = fetch(url)
    result = promtool("check", "metrics", input=page)
    self.assertEqual((result.returncode, result.stdout + result.stderr),
                     (0, ""))
    exported = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    # Those of GPUs are where there are some.
    used = set(re.findall(
        r"\b(?<!:)(lockstep_(?!gpu)[a-z_]+?)(?:_bucket)?\b(?!:)",
        RULES.read_text()))
    self.assertGreater(len(used), 5)
    self.assertLessEqual(used, exported)


if __name__ == "__main__":
  BIN, PROMETHEUS = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
  unittest.main()
