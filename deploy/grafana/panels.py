"""The kinds of panel that the dashboards are made of, and what all share.

Each panel says what it shows (title), how to read it (description) and in what
unit. Each query goes to the data source that the reader chose, and to the
coordinators that the reader chose: `job` and `instance` are whatever the
Prometheus at hand calls them.
"""

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import (dashboard, heatmap, prometheus,
                                             stat, statetimeline, table,
                                             timeseries)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "lockstep"
# What Grafana makes of the scrape interval: long enough for two samples.
RATE = "[$__rate_interval]"
WIDTH = 24  # Of Grafana's grid.


def query(expr, legend="", instant=False, rows=False):
  """A query; `rows` is for a table, and for the buckets of a heatmap."""
  target = prometheus.Dataquery().datasource(DATASOURCE).expr(expr)
  target = target.legend_format(legend or "__auto")
  target = target.instant() if instant else target.range()
  if rows:
    target = target.format(prometheus_models.PromQueryFormat.TABLE if instant
                           else prometheus_models.PromQueryFormat.HEATMAP)
  return target


def _common(panel, title, description, unit, queries, width, height):
  panel = (panel.title(title).description(description).unit(unit)
           .datasource(DATASOURCE).span(width).height(height))
  for letter, target in zip("ABCDEFGH", queries, strict=False):
    panel = panel.with_target(target.ref_id(letter))
  return panel


def graph(title, description, unit, *queries, width=12, height=8, stacked=False,
          low=None, high=None):
  """Curves over time."""
  panel = _common(timeseries.Panel(), title, description, unit, queries, width,
                  height)
  panel = (panel.line_width(1).show_points(common.VisibilityMode.NEVER)
           .fill_opacity(30 if stacked else 5)
           .legend(common_builders.VizLegendOptions()
                   .display_mode(common.LegendDisplayMode.LIST)
                   .placement(common.LegendPlacement.BOTTOM).show_legend(True))
           .tooltip(common_builders.VizTooltipOptions()
                    .mode(common.TooltipDisplayMode.MULTI)
                    .sort(common.SortOrder.DESCENDING)))
  if stacked:
    panel = panel.stacking(common_builders.StackingConfig()
                           .mode(common.StackingMode.NORMAL))
  if low is not None:
    panel = panel.min(low)
  if high is not None:
    panel = panel.max(high)
  return panel


def number(title, description, unit, expr, legend="", width=4, bad_from=None,
           name_only=False):
  """One figure, red from `bad_from` on; with `name_only` the legend is it."""
  panel = _common(stat.Panel(), title, description, unit,
                  [query(expr, legend, instant=True)], width, 4)
  panel = panel.reduce_options(
      common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
  panel = panel.text_mode(common.BigValueTextMode.NAME if name_only
                          else common.BigValueTextMode.AUTO)
  steps = [models.Threshold(color="text")]
  if bad_from is not None:
    steps.append(models.Threshold(value=bad_from, color="red"))
  return (panel.graph_mode(common.BigValueGraphMode.NONE)
          .thresholds(dashboard.ThresholdsConfig()
                      .mode(models.ThresholdsMode.ABSOLUTE).steps(steps)))


def buckets(title, description, histogram, selector, width=12):
  """How a histogram of seconds is spread, over time."""
  expr = f"sum by (le) (rate({histogram}_bucket{{{selector}}}{RATE}))"
  panel = _common(heatmap.Panel(), title, description, "s",
                  [query(expr, "{{le}}", rows=True)], width, 8)
  return (panel.calculate(False)
          .y_axis(heatmap.YAxisConfig().unit("s"))
          .color(heatmap.HeatmapColorOptions()
                 .mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges")
                 .steps(64)))


def states(title, description, expr, legend, width=12):
  """Which of some states holds when: series of 0 and 1."""
  panel = _common(statetimeline.Panel(), title, description, "none",
                  [query(expr, legend)], width, 8)
  return (panel.show_value(common.VisibilityMode.NEVER)
          .mappings([models.ValueMap(options={
              "0": models.ValueMappingResult(text="no", color="transparent"),
              "1": models.ValueMappingResult(text="yes", color="green")})]))


def rows(title, description, key, columns, width=24, height=8, link=None):
  """A table with a row for each value of the label `key`. `columns`: (heading,
  unit, expression)."""
  queries = [query(expr, heading, instant=True, rows=True)
             for heading, _, expr in columns]
  panel = _common(table.Panel(), title, description, "short", queries, width,
                  height)
  panel = panel.with_transformation(
      models.DataTransformerConfig(id_val="merge", options={}))
  names = {}
  for letter, (heading, unit, _) in zip("ABCDEFGH", columns, strict=False):
    names[f"Value #{letter}"] = heading
    panel = panel.override_by_name(
        heading, [models.DynamicConfigValue(id_val="unit", value=unit)])
  panel = panel.with_transformation(models.DataTransformerConfig(
      id_val="organize",
      options={"excludeByName": {"Time": True}, "renameByName": names}))
  if link is not None:
    panel = panel.override_by_name(key, [models.DynamicConfigValue(
        id_val="links", value=[{"title": "Open", "url": link}])])
  return panel


def row(title):
  return dashboard.Row(title)


def chosen(name, label, metric):
  """A variable: which values of the label `name` of `metric` are shown."""
  return (dashboard.QueryVariable(name).label(label).datasource(DATASOURCE)
          .query({"query": f"label_values({metric}, {name})",
                  "refId": "Variable"})
          .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
          .sort(models.VariableSort.ALPHABETICAL_ASC)
          .multi(True).include_all(True).all_value(".*")
          .current(models.VariableOption(selected=True, text=["All"],
                                         value=["$__all"])))


def board(uid, title, description, variables, contents):
  """A dashboard of `contents`, which are rows and panels."""
  made = (dashboard.Dashboard(title).uid(uid)
          .description(" ".join(description.split()))
          .tags([TAG]).readonly().timezone("browser").refresh("30s")
          .time("now-6h", "now").tooltip(models.DashboardCursorSync.CROSSHAIR)
          .link(dashboard.DashboardLink("Lockstep").tags([TAG])
                .type(models.DashboardLinkType.DASHBOARDS)
                .as_dropdown(True).include_vars(True).keep_time(True))
          .with_variable(dashboard.DatasourceVariable("datasource")
                         .label("Data source").type("prometheus"))
          .with_variable(chosen("instance", "Coordinator",
                                "lockstep_build_info")))
  for variable in variables:
    made = made.with_variable(variable)
  for content in contents:
    made = (made.with_row(content) if isinstance(content, dashboard.Row)
            else made.with_panel(content))
  built = made.build()
  for number_of_panel, panel in enumerate(built.panels, start=1):
    panel.id_val = number_of_panel
  return built
