#!/usr/bin/env python3
"""draw_dashboards.py BIN PROMETHEUS: draws docs/images/grafana-*.png.

Not Grafana's own picture, but its panels in their places with the answers to
their queries, of jobs that a real lockstepd ran meanwhile: some minutes. Panels whose
queries find nothing are left out, such as those of GPUs where there is none.

PROMETHEUS is the folder of the program; the Python is that of
deploy/toolchain/dashboards.lock.
"""

import json
import math
import pathlib
import re
import sys
import time

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from scraped_lockstep import FIXTURES, ROOT, ScrapedLockstep

SECONDS = 150
STEP_SECONDS = 2
JOB = """apiVersion: lockstep/v1
model: {{path: {fixtures}/models/{model}}}
method: {method}
data: {{train: [{{path: {fixtures}/data/{data}.jsonl}}], eval_fraction: 0.2,
       max_length: 64}}
train: {{max_steps: {steps}, learning_rate: {rate}, lr_scheduler_type: cosine,
        warmup_steps: 0.1}}
logging: {{eval_steps: 50}}
checkpoint: {{save_steps: 500, save_total_limit: 2}}
resources: {{device: cpu, ranks: 1}}
output_dir: {out}
"""
JOBS = {
    "support-lora": dict(model="tiny-llama", method="{lora: {r: 8}}",
                         steps=4500, rate=2e-3),
    "support-full": dict(model="tiny-llama", method="{full: {}}",
                         steps=4000, rate=5e-4),
    # It fails.
    "mistyped": dict(model="tiny-qwen2", method="{full: {}}",
                     steps=3000, rate=1e-3, data="txet"),
    "legal-full": dict(model="tiny-qwen2", method="{full: {}}",
                       steps=12000, rate=1e-3),
}
BACKGROUND, PAPER, TEXT = "#111217", "#181b1f", "#ccccdc"
COLOURS = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9",
           "#37872d", "#e0b400", "#5794f2", "#fa6400"]


def in_unit(value, unit):
  if value is None or not math.isfinite(value):
    return ""
  if unit == "percentunit":
    return f"{100 * value:.4g}%"
  if unit == "s":
    return (f"{value:.3g} s" if abs(value) >= 1 or value == 0
            else f"{1000 * value:.3g} ms")
  if unit == "sci":
    return f"{value:.2g}"
  if abs(value) >= 1e4:
    return f"{value / 1000:.3g}k"
  suffix = " req/s" if unit == "reqps" else ""
  return f"{value:.4g}{suffix}"


def legend_of(target, labels):
  wanted = target.get("legendFormat", "")
  if wanted == "__auto":
    return ", ".join(v for k, v in labels.items() if k != "__name__")
  return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""),
                wanted).strip()


class Painter:

  def __init__(self, scraped, end):
    self.scraped = scraped
    self.end = end

  def answers(self, target):
    expr = target["expr"].replace("$__rate_interval", "10s")
    expr = expr.replace("$instance", ".*").replace("$job_id", ".*")
    if target.get("instant"):
      return self.scraped.query(expr, time=self.end)
    return self.scraped.query(expr, start=self.end - SECONDS, end=self.end,
                              step=STEP_SECONDS)

  def draw(self, board, path):
    shown = []
    for panel in board["panels"]:
      answers = [(target, series) for target in panel.get("targets", [])
                 for series in self.answers(target)]
      if panel["type"] != "row" and not answers:
        continue
      shown.append((panel, answers))
    # A row without panels is no row.
    shown = [(panel, answers) for i, (panel, answers) in enumerate(shown)
             if panel["type"] != "row" or
             (i + 1 < len(shown) and shown[i + 1][0]["type"] != "row")]
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p, _ in shown)
    figure = plt.figure(figsize=(13, height * 0.36), facecolor=BACKGROUND)
    for panel, answers in shown:
      self.draw_panel(figure, height, panel, answers)
    figure.savefig(path, dpi=75, facecolor=BACKGROUND)
    plt.close(figure)

  def draw_panel(self, figure, height, panel, answers):
    place = panel["gridPos"]
    left, width = place["x"] / 24, place["w"] / 24
    bottom = 1 - (place["y"] + place["h"]) / height
    tall = place["h"] / height
    if panel["type"] == "row":
      figure.text(left + 0.008, bottom + 0.2 * tall, panel["title"],
                  color=TEXT, fontsize=11, weight="bold")
      return
    figure.add_artist(plt.Rectangle(
        (left + 0.003, bottom + 0.06 / height), width - 0.006,
        tall - 0.12 / height, facecolor=PAPER, edgecolor="#2c3235",
        transform=figure.transFigure, zorder=-1))
    figure.text(left + 0.008, bottom + tall - 0.75 / height, panel["title"],
                color=TEXT, fontsize=9)
    axes = figure.add_axes((left + 0.045, bottom + 1.5 / height,
                            width - 0.06, tall - 2.7 / height))
    axes.set_facecolor(PAPER)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    {"stat": self.stat, "timeseries": self.graph, "heatmap": self.heatmap,
     "table": self.table, "state-timeline": self.states}[panel["type"]](
         axes, panel, answers, unit)

  def stat(self, axes, panel, answers, unit):
    axes.axis("off")
    lines = []
    for target, series in answers[:4]:
      name = legend_of(target, series["metric"])
      value = in_unit(float(series["value"][1]), unit)
      if panel["options"]["textMode"] == "name":
        lines.append(name)
      else:
        lines.append(f"{name}  {value}" if len(answers) > 1 else value)
    size = 20 if len(lines) == 1 and len(lines[0]) < 20 else 8
    axes.text(0.5, 0.35, "\n".join(lines), color="#ffffff", fontsize=size,
              ha="center", va="center", transform=axes.transAxes)

  def time_axis(self, axes):
    axes.tick_params(colors=TEXT, labelsize=7, length=2)
    axes.grid(color="#2c3235", linewidth=0.6)
    for spine in axes.spines.values():
      spine.set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(
        lambda at, _: time.strftime("%H:%M:%S", time.gmtime(at))))
    axes.set_xlim(self.end - SECONDS, self.end)

  def graph(self, axes, panel, answers, unit):
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    curves = [(legend_of(target, series["metric"]),
               [(float(at), float(value)) for at, value in series["values"]])
              for target, series in answers]
    if custom.get("stacking", {}).get("mode") == "normal":
      times = sorted({at for _, points in curves for at, _ in points})
      heights = [[dict(points).get(at, 0) for at in times]
                 for _, points in curves]
      axes.stackplot(times, heights, labels=[name for name, _ in curves],
                     colors=COLOURS, alpha=0.8)
    else:
      for (name, points), colour in zip(curves, COLOURS * 9):
        axes.plot(*zip(*points), label=name, color=colour, linewidth=1)
    self.time_axis(axes)
    if panel["fieldConfig"]["defaults"].get("min") == 0:
      axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: in_unit(value, unit)))
    # Those that are highest at the end, as far as there is room.
    handles, names = axes.get_legend_handles_labels()
    last = {name: next((value for _, value in reversed(points)
                        if math.isfinite(value)), -math.inf)
            for name, points in curves}
    order = sorted(range(len(names)), key=lambda i: -last[names[i]])[:4]
    axes.legend([handles[i] for i in order],
                [names[i].rpartition("/")[2] for i in order],
                loc="upper left", bbox_to_anchor=(-0.02, -0.1), fontsize=6.5,
                ncols=4, frameon=False, labelcolor=TEXT, handlelength=1,
                columnspacing=1)

  def heatmap(self, axes, panel, answers, unit):
    bounds = sorted({float(series["metric"]["le"]) for _, series in answers})
    times = sorted({float(at) for _, series in answers
                    for at, _ in series["values"]})
    below = {(float(series["metric"]["le"]), float(at)): float(value)
             for _, series in answers for at, value in series["values"]}
    cells = [[below.get((bound, at), 0) -
              (below.get((bounds[i - 1], at), 0) if i else 0)
              for at in times] for i, bound in enumerate(bounds)]
    axes.pcolormesh(times, range(len(bounds)), cells, cmap="Oranges_r",
                    vmin=0, shading="nearest",
                    alpha=[[0.9 if cell > 0 else 0 for cell in line]
                           for line in cells])
    self.time_axis(axes)
    axes.set_yticks(range(len(bounds)),
                    [in_unit(b, unit) or "longer" for b in bounds])

  def states(self, axes, panel, answers, unit):
    names = []
    for (target, series), colour in zip(answers, COLOURS * 9):
      names.append(legend_of(target, series["metric"]))
      axes.broken_barh([(float(at), STEP_SECONDS)
                        for at, _ in series["values"]],
                       (len(names) - 1.4, 0.8), color=colour)
    self.time_axis(axes)
    axes.set_yticks(range(len(names)), names)
    # The names are longer than numbers.
    box = axes.get_position()
    axes.set_position((0.14, box.y0, box.width - 0.1, box.height))

  def table(self, axes, panel, answers, unit):
    axes.axis("off")
    units = {o["matcher"]["options"]: o["properties"][0]["value"]
             for o in panel["fieldConfig"]["overrides"]
             if o["properties"][0]["id"] == "unit"}
    lines = {}
    for target, series in answers:
      heading = target["legendFormat"]
      lines.setdefault(series["metric"]["job_id"], {})[heading] = in_unit(
          float(series["value"][1]), units[heading])
    drawn = axes.table(
        [[name, *(line.get(heading, "") for heading in units)]
         for name, line in sorted(lines.items())],
        colLabels=["job_id", *units], loc="upper left", cellLoc="left",
        colLoc="left", edges="horizontal")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    drawn.scale(1, 1.4)
    for cell in drawn.get_celld().values():
      cell.get_text().set_color(TEXT)
      cell.set_edgecolor("#2c3235")


def main():
  binaries, prometheus = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
  with ScrapedLockstep(binaries, prometheus, cpu_slots=2) as scraped:
    begin = time.time()
    for name, job in JOBS.items():
      scraped.submit(name, JOB.format(fixtures=FIXTURES,
                                      out=scraped.folder / name,
                                      **{"data": "text", **job}))
    # As people do, who look at their jobs, some of them not there.
    while time.time() < begin + SECONDS:
      for command in (("jobs", "list"), ("jobs", "describe", "support-lora"),
                      ("events", "mistyped"), ("jobs", "get", "nobody"),
                      ("metrics", "support-full")):
        scraped.lockstep(*command, check=False)
        time.sleep(0.4)
    painter = Painter(scraped, end=time.time())
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
      painter.draw(json.loads(path.read_text()),
                   images / f"grafana-{path.stem}.png")


if __name__ == "__main__":
  main()
