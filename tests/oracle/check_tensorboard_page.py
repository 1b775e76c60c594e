"""Does TensorBoard's page show these runs side by side?

    oracle-python check_tensorboard_page.py LOGDIR --runs a/runs,b/runs
        [--hparam learning_rate=0.002,0.0002 --loss 1.25,1.5] [--pictures FOLDER]

Starts the real TensorBoard and looks at its pages with headless Chromium: each
run has a line in the chart of train/loss, and with --hparam the table of HParams
has those values and beside them the runs' newest loss, which --loss says.
--pictures keeps what was seen.

Ends with one line, `check_tensorboard_page: ok ...` and exit status 0,
`check_tensorboard_page: FAILED ...` and 1, or 77 where there is no browser.
"""

import argparse
import contextlib
import html.parser
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request

NO_BROWSER = 77
DEADLINE_SECONDS = 60
LOOKS = 10
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")


class Texts(html.parser.HTMLParser):
  """What a reader sees, and how many curves are drawn."""

  def __init__(self):
    super().__init__()
    self.texts = []
    self.curves = 0
    self.hidden = 0

  def handle_starttag(self, tag, attributes):
    self.hidden += tag in ("script", "style", "noscript")
    # Charts draw a curve as a path of many pieces; icons are closed.
    shape = dict(attributes).get("d") or ""
    self.curves += tag == "path" and shape.count("L") > 3 and "Z" not in shape

  def handle_endtag(self, tag):
    self.hidden -= tag in ("script", "style", "noscript")

  def handle_data(self, data):
    if not self.hidden and data.strip():
      self.texts.append(data.strip())


@contextlib.contextmanager
def tensorboard(logdir):
  """Serves it; yields the address."""
  command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir,
             "--port", "0", "--host", "127.0.0.1", "--load_fast=false"]
  with subprocess.Popen(command, stderr=subprocess.PIPE,
                        stdout=subprocess.DEVNULL, text=True) as process:
    try:
      for line in process.stderr:
        found = re.search(r"at (http://[\d.:]+/)", line)
        if found:
          break
      else:
        raise AssertionError("TensorBoard ended")
      threading.Thread(target=process.stderr.read, daemon=True).start()
      yield found.group(1)
    finally:
      process.terminate()


def wait_for_runs(address, runs):
  """It reads the files while it serves."""
  pause = threading.Event()
  for _ in range(10 * DEADLINE_SECONDS):
    with urllib.request.urlopen(address + "data/plugin/scalars/tags") as answer:
      tags = json.load(answer)
    if all("train/loss" in tags.get(run, {}) for run in runs):
      return
    pause.wait(0.1)
  raise AssertionError(f"TensorBoard has {tags}")


def hparams_of(address):
  """The rows of its table."""
  def ask(path, **question):
    request = urllib.request.Request(
        f"{address}data/plugin/hparams/{path}", json.dumps(question).encode(),
        {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
      return json.load(answer)

  experiment = ask("experiment")
  return ask("session_groups", startIndex=0, sliceSize=100, allowedStatuses=[
      "STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
      colParams=[{"metric": info["name"]}
                 for info in experiment["metricInfos"]])["sessionGroups"]


def look(browser, address, picture):
  """Texts of the page, when it has come to rest."""
  with tempfile.TemporaryDirectory() as profile:
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu",
               # Or charts are drawn into a canvas, where nobody can read them.
               "--disable-webgl", "--disable-3d-apis",
               "--window-size=1500,760", f"--user-data-dir={profile}",
               "--virtual-time-budget=60000"]
    if picture:
      subprocess.run([*command, f"--screenshot={picture}", address],
                     capture_output=True, check=True, timeout=120)
    page = subprocess.run([*command, "--dump-dom", address], text=True,
                          capture_output=True, check=True, timeout=120).stdout
  texts = Texts()
  texts.feed(page)
  return texts


def check(args, browser):
  runs = args.runs.split(",")
  pictures = args.pictures and pathlib.Path(args.pictures)

  def picture(name):
    return pictures and pictures / f"tensorboard-{name}.png"

  with tensorboard(args.logdir) as address:
    wait_for_runs(address, runs)
    # A page that is late on a busy machine is looked at again.
    for _ in range(LOOKS):
      # One chart, so that all of it is on the screen and drawn.
      curves = look(browser, f"{address}?tagFilter=train%2Floss#timeseries",
                    picture("curves"))
      unseen = [text for text in (*runs, "train", "/loss")
                if text not in curves.texts]
      if not unseen and curves.curves >= len(runs):
        break
    else:
      return (f"{curves.curves} curves are drawn for {runs}, and nobody sees "
              f"{unseen} among {curves.texts}")
    # Its elements hide their texts from a dump of the page; what they show is
    # what they ask for.
    if pictures:
      look(browser, f"{address}#hparams", picture("hparams"))
    return args.hparam and check_hparams(address, runs, args.hparam,
                                         args.loss.split(","))


def check_hparams(address, runs, wanted, losses):
  name, _, values = wanted.partition("=")
  groups = hparams_of(address)
  for run, value, loss in zip(runs, values.split(","), losses, strict=True):
    (group,) = [group for group in groups if group["name"] == run]
    if group["hparams"].get(name) != float(value):
      return f"{run}: {name} is not {value} among {group['hparams']}"
    metrics = {metric["name"]["tag"]: metric["value"]
               for metric in group["metricValues"]}
    # Event files have floats, of 24 bits.
    if not math.isclose(metrics.get("train/loss", math.nan), float(loss),
                        rel_tol=2**-23):
      return f"{run}: train/loss is not {loss} beside its hparams: {metrics}"
  return None


def main():
  parser = argparse.ArgumentParser(
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("logdir")
  parser.add_argument("--runs", required=True)
  parser.add_argument("--hparam")
  parser.add_argument("--loss", help="needed by --hparam")
  parser.add_argument("--pictures")
  args = parser.parse_args()
  browser = os.environ.get("LOCKSTEP_BROWSER") or next(
      filter(None, map(shutil.which, BROWSERS)), None)
  if browser is None:
    print(f"check_tensorboard_page: there is none of {', '.join(BROWSERS)}")
    sys.exit(NO_BROWSER)
  wrong = check(args, browser)
  if wrong:
    print(f"check_tensorboard_page: FAILED {wrong}")
    sys.exit(1)
  print(f"check_tensorboard_page: ok runs={args.runs}")


if __name__ == "__main__":
  main()
