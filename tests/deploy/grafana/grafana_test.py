#!/usr/bin/env python3
"""grafana_test.py BIN PROMETHEUS FAKE_NVML FAKE_FLEET: the dashboards in deploy/grafana
are what their code makes, follow the rules for dashboards, and each of their
queries finds what a real lockstepd exports of a job that trains, in a real Prometheus.

FAKE_NVML stands for the library of NVIDIA's driver, so that there are GPUs.
FAKE_FLEET is a second lockstepd, with a job that says what only ranks on GPUs can.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from scraped_lockstep import FIXTURES, ROOT, ScrapedLockstep, fetch, program

GRAFANA = ROOT / "deploy/grafana"
BOARDS = {path.stem: json.loads(path.read_text())
          for path in (GRAFANA / "dashboards").glob("*.json")}
JOB = """apiVersion: lockstep/v1
model: {{path: {fixtures}/models/tiny-llama}}
method: {{lora: {{r: 8}}}}
data:
  train: [{{path: {fixtures}/data/text.jsonl}}]
  eval_fraction: 0.2
  max_length: 64
train: {{max_steps: 100000}}
logging: {{eval_steps: 5}}
checkpoint: {{save_steps: 0}}
resources: {{device: cpu, ranks: 1}}
output_dir: {out}
"""


def panels(board):
  return [panel for panel in board["panels"] if panel["type"] != "row"]


def every_panel():
  for name, board in BOARDS.items():
    for panel in panels(board):
      yield f"{name}: {panel['title']}", panel


def every_query():
  for where, panel in every_panel():
    for target in panel["targets"]:
      yield where, target["expr"]


def filled_in(expr):
  """As Grafana asks it, when all is chosen."""
  for variable, value in (("$__rate_interval", "1m"), ("$instance", ".*"),
                          ("$job_id", ".*")):
    expr = expr.replace(variable, value)
  return expr


class CodeTest(unittest.TestCase):

  def test_makes_the_committed_files(self):
    result = subprocess.run(
        [sys.executable, GRAFANA / "make_dashboards.py", "--check"],
        capture_output=True, text=True)
    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

  def test_there_are_three(self):
    self.assertEqual(set(BOARDS), {"fleet", "job", "coordinator"})


class BoardTest(unittest.TestCase):

  def test_has_a_fixed_uid_and_is_not_edited_by_hand(self):
    for name, board in BOARDS.items():
      with self.subTest(name):
        self.assertEqual(board["uid"], f"lockstep-{name}")
        self.assertFalse(board["editable"])
        self.assertTrue(board["title"] and board["description"])
        self.assertNotIn("id", board)

  def test_lets_the_reader_choose_source_and_coordinator(self):
    for name, board in BOARDS.items():
      with self.subTest(name):
        variables = {v["name"]: v for v in board["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        self.assertEqual(variables["datasource"]["query"], "prometheus")
        self.assertIn("instance", variables)
        # Nothing of the machine that it was made on.
        self.assertNotIn("current", variables["datasource"])

  def test_lays_no_panel_over_another(self):
    for name, board in BOARDS.items():
      taken = {}
      for panel in board["panels"]:
        place = panel["gridPos"]
        self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
        for x in range(place["x"], place["x"] + place["w"]):
          for y in range(place["y"], place["y"] + place["h"]):
            where = f"{name}: {panel['title']} over {taken.get((x, y))}"
            self.assertNotIn((x, y), taken, where)
            taken[x, y] = panel["title"]


class PanelTest(unittest.TestCase):

  def test_says_what_it_shows_how_to_read_it_and_in_what_unit(self):
    self.assertGreater(len(list(every_panel())), 30)
    for where, panel in every_panel():
      with self.subTest(where):
        self.assertTrue(panel["title"])
        self.assertRegex(panel["description"], r"\w.*\.$")
        self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])

  def test_takes_its_data_from_the_chosen_source(self):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for where, panel in every_panel():
      with self.subTest(where):
        self.assertEqual(panel["datasource"], chosen)
        self.assertGreaterEqual(len(panel["targets"]), 1)
        for target in panel["targets"]:
          self.assertEqual(target["datasource"], chosen)

  def test_takes_rates_over_the_interval_that_grafana_knows(self):
    rates = 0
    for where, expr in every_query():
      for window in re.findall(
          r"\b(?:rate|irate|increase)\([^\[]*(\[[^\]]*\])", expr):
        rates += 1
        self.assertEqual(window, "[$__rate_interval]", f"{where}: {expr}")
    self.assertGreater(rates, 10)

  def test_names_no_scrape_job_and_no_instance(self):
    for where, expr in every_query():
      self.assertNotRegex(expr, r"\bjob\s*=", f"{where}: {expr}")
      for value in re.findall(r"\binstance\s*[!=~]+\s*\"([^\"]*)\"", expr):
        self.assertEqual(value, "$instance", f"{where}: {expr}")
      # But asks the chosen coordinators only.
      for selector in re.findall(r"\b(?:lockstep_\w+|up)\{([^}]*)\}", expr):
        self.assertIn('instance=~"$instance"', selector, f"{where}: {expr}")
      self.assertNotRegex(expr, r"\blockstep_\w+\b(?!\{)", f"{where}: {expr}")


class ProvisioningTest(unittest.TestCase):

  def read(self, kind):
    path = GRAFANA / "provisioning" / kind / "lockstep.yaml"
    return yaml.safe_load(path.read_text())

  def test_brings_the_prometheus_of_deploy_prometheus(self):
    file = self.read("datasources")
    config = yaml.safe_load(
        (ROOT / "deploy/prometheus/prometheus.yaml").read_text())

    self.assertEqual(file["apiVersion"], 1)
    (source,) = file["datasources"]
    self.assertEqual((source["type"], source["access"]),
                     ("prometheus", "proxy"))
    self.assertEqual(source["jsonData"]["timeInterval"],
                     config["global"]["scrape_interval"])

  def test_brings_the_dashboards_from_a_folder(self):
    file = self.read("dashboards")

    self.assertEqual(file["apiVersion"], 1)
    (provider,) = file["providers"]
    self.assertEqual(provider["type"], "file")
    self.assertTrue(provider["options"]["path"].startswith("/"))
    # They come from the repository.
    self.assertFalse(provider["allowUiUpdates"])


class QueryTest(unittest.TestCase):

  def setUp(self):
    library = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
    (library / "libnvidia-ml.so.1").symlink_to(FAKE_NVML)
    self.played_url = self.enterContext(program(
        [FAKE_FLEET], r"metrics (http://[^/]+/metrics)",
        {**os.environ, "LOCKSTEP_BIN_DIR": str(BIN)}))
    # Where lockstepd looks for the driver's library first.
    self.scraped = ScrapedLockstep(
        BIN, PROMETHEUS, environment={"LD_LIBRARY_PATH": str(library)},
        others=[self.played_url])
    self.addCleanup(self.scraped.close)
    self.scraped.submit("watched", JOB.format(
        fixtures=FIXTURES, out=self.scraped.folder / "out"))
    # A call that does not succeed, for the panel of those.
    refused = self.scraped.lockstep("jobs", "get", "nobody", check=False)
    self.assertEqual(refused.returncode, 3)
    self.scraped.until("lockstep_eval_loss")

  def test_finds_what_lockstepd_exports(self):
    for where, expr in every_query():
      with self.subTest(where):
        self.scraped.until(filled_in(expr))
    for board in BOARDS.values():
      for variable in board["templating"]["list"]:
        if variable["type"] != "query":
          continue
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)",
                                     variable["query"]["query"]).groups()
        self.scraped.until(f'count by ({label}) ({metric}{{{label}!=""}})')
    # Of a GPU that only a rank tells of it exports the same as of its own.
    own, played = (
        set(re.findall(r"^(lockstep_gpu_\w+)\{gpu=\"" + gpu, page, re.MULTILINE))
        for gpu, page in (("GPU-fake0", fetch(self.scraped.metrics_url)),
                          ("GPU-played1", fetch(self.played_url))))
    self.assertGreater(len(own), 7)
    self.assertEqual(own, played)
    # And leaves nothing of it out.
    exported = set(re.findall(
        r"^# TYPE (lockstep_\w+)",
        fetch(self.scraped.metrics_url) + fetch(self.played_url),
        re.MULTILINE))
    shown = set(re.findall(r"lockstep_[a-z_]+?(?=_bucket|\{)",
                           " ".join(expr for _, expr in every_query())))
    self.assertGreater(len(exported), 40)
    self.assertEqual(exported - shown, set())


if __name__ == "__main__":
  BIN, PROMETHEUS, FAKE_NVML, FAKE_FLEET = (
      pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(4))
  unittest.main()
