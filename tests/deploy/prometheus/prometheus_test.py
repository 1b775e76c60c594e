#!/usr/bin/env python3
"""prometheus_test.py BIN PROMETHEUS: the rules in deploy/prometheus are sound, and
a real Prometheus scrapes what a real lockstepd exports of a job that trains.

PROMETHEUS is the folder of the programs prometheus and promtool.
"""

import pathlib
import re
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from scraped_lockstep import FIXTURES, ROOT, RULES, ScrapedLockstep, fetch

JOB = """apiVersion: lockstep/v1
model: {{path: {fixtures}/models/tiny-llama}}
method: {{lora: {{r: 8}}}}
data: {{train: [{{path: {fixtures}/data/text.jsonl}}], max_length: 64}}
train: {{max_steps: 100000}}
checkpoint: {{save_steps: 10, save_total_limit: 1}}
resources: {{device: cpu, ranks: 1}}
output_dir: {out}
"""


def promtool(*arguments, **kwargs):
  return subprocess.run([PROMETHEUS / "promtool", *arguments], text=True,
                        capture_output=True, **kwargs)


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
    self.assertEqual(len(alerts), 12)
    for alert in alerts:
      # Silent, and in one case firing.
      self.assertGreaterEqual(tests.count(alert + "}"), 1, alert)
      self.assertIn(f"alertname: {alert}\n        exp_alerts:", tests)
      self.assertIn(f"\n### {alert}\n", page)
      self.assertIn(f"docs/operations.md#{alert.lower()}", RULES.read_text())


class ScrapeTest(unittest.TestCase):

  def test_of_a_job_that_trains(self):
    scraped = ScrapedLockstep(BIN, PROMETHEUS)
    self.addCleanup(scraped.close)
    scraped.submit("scraped", JOB.format(fixtures=FIXTURES,
                                         out=scraped.folder / "out"))

    self.assertGreater(scraped.until("lockstep_train_step > 20"), 20)
    self.assertEqual(
        scraped.until('lockstep_job_state{state="running"} == 1'), 1)
    self.assertGreater(scraped.until("lockstep:train_tokens:rate5m > 0"), 0)
    self.assertGreater(
        scraped.until("job_id:lockstep_train_step_duration_seconds:p50_5m"
                      " > 0"), 0)
    self.assertGreaterEqual(scraped.until(
        "method:lockstep_grpc_server_handling_seconds:p99_5m >= 0"), 0)
    self.assertGreater(scraped.until(
        "lockstep_train_last_checkpoint_timestamp_seconds > 0"), 0)
    self.assertEqual(scraped.until(
        'count(ALERTS{alertstate="firing"}) or vector(0)'), 0)
    page = fetch(scraped.metrics_url)
    result = promtool("check", "metrics", input=page)
    self.assertEqual((result.returncode, result.stdout + result.stderr),
                     (0, ""))
    exported = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    table = (ROOT / "docs/operations.md").read_text()
    self.assertEqual(
        [name for name in sorted(exported) if name.startswith("lockstep_")
         and f"`{name}`" not in table], [])
    # Those of GPUs are where there are some.
    used = set(re.findall(
        r"\b(?<!:)(lockstep_(?!gpu)[a-z_]+?)(?:_bucket)?\b(?!:)",
        RULES.read_text()))
    self.assertGreater(len(used), 5)
    self.assertLessEqual(used, exported)


if __name__ == "__main__":
  BIN, PROMETHEUS = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
  unittest.main()
