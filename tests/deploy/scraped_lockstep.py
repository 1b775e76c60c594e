"""A lockstepd that a real Prometheus scrapes, for the tests of what can be seen
of it. Scraped five times a second, with the rules of deploy/prometheus.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/lockstep.rules.yaml"
FIXTURES = ROOT / "tests/testdata"
DEADLINE_SECONDS = 60


@contextlib.contextmanager
def program(argv, said, environment=None):
  """Runs argv until the block ends; yields what `said` finds in its output."""
  with subprocess.Popen(list(map(str, argv)), stderr=subprocess.PIPE,
                        stdout=subprocess.DEVNULL, text=True,
                        env=environment) as process:
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
  try:
    with urllib.request.urlopen(url, timeout=10) as answer:
      return answer.read().decode()
  except urllib.error.HTTPError as error:
    raise AssertionError(f"{url}: {error}: {error.read().decode()}") from None


class ScrapedLockstep(contextlib.ExitStack):
  """Both programs, from construction to close(), and a folder for files."""

  def __init__(self, binaries, prometheus, cpu_slots=1, environment=None,
               others=()):
    """`binaries` and `prometheus` are folders; `environment` is added to that
    of lockstepd; `others` are pages that are scraped besides."""
    super().__init__()
    self._lockstep = binaries / "lockstep"
    self.folder = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory()))
    self._socket = f"unix:{self.folder}/lockstepd.sock"
    self.metrics_url = self.enter_context(program(
        [binaries / "lockstepd", "--state-dir", self.folder / "state",
         "--listen", self._socket, "--cpu-slots", cpu_slots,
         "--metrics-address", "127.0.0.1:0"],
        r"metrics (http://[^/]+/metrics)",
        {**os.environ, **(environment or {})}))
    self._address = self.enter_context(
        self._prometheus(prometheus, [self.metrics_url, *others]))

  def _prometheus(self, programs, pages):
    targets = [urllib.parse.urlparse(page).netloc for page in pages]
    config = self.folder / "prometheus.yaml"
    config.write_text(
        "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\n"
        f"rule_files: [{RULES}]\n"
        "scrape_configs:\n- job_name: lockstepd\n"
        f"  static_configs: [{{targets: {json.dumps(targets)}}}]\n")
    return program(
        [programs / "prometheus", f"--config.file={config}",
         f"--storage.tsdb.path={self.folder}/tsdb",
         "--web.listen-address=127.0.0.1:0", "--log.level=info"],
        r'Listening on" address=([\d.:]+).*Server is ready')

  def lockstep(self, *arguments, check=True):
    return subprocess.run(
        [self._lockstep, *map(str, arguments)], check=check,
        capture_output=True, text=True,
        env=dict(os.environ, LOCKSTEP_SERVER=self._socket))

  def submit(self, name, text):
    """A job, which is cancelled when all ends."""
    job = self.folder / f"{name}.yaml"
    job.write_text(text)
    self.lockstep("submit", job, "--name", name)
    # It ends without success.
    self.callback(self.lockstep, "wait", name, check=False)
    self.callback(self.lockstep, "jobs", "cancel", name, check=False)

  def query(self, expression, **when):
    """Its series now, at a `time`, or from `start` to `end` in `step`s."""
    path = "query_range" if "step" in when else "query"
    query = urllib.parse.urlencode({"query": expression, **when})
    answer = json.loads(fetch(f"http://{self._address}/api/v1/{path}?{query}"))
    return answer["data"]["result"]

  def until(self, expression):
    """The value once Prometheus has one."""
    pause = threading.Event()
    for _ in range(10 * DEADLINE_SECONDS):
      series = self.query(expression)
      if series:
        return float(series[0]["value"][1])
      pause.wait(0.1)
    raise AssertionError(f"no series for {expression}")
