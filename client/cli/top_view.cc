#include "client/cli/top_view.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/command_context.h"
#include "client/cli/format.h"
#include "client/cli/gpu_bars.h"
#include "client/cli/progress.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

constexpr int kHeaderRows = 3;      // Fleet, devices, a blank line; and GPUs.
constexpr int kLeastPaneRows = 6;   // Title, three of a curve, axis, blank.
constexpr int kLeastTableRows = 4;  // With its own header.
constexpr int kBarCells = 10;
constexpr int kEveryGpu = 1 << 20;  // Lines that nobody has to save.

constexpr char kKeys[] =
    "q quit  up/down select  enter hide  l log  p pause  c cancel  s sort  ? "
    "help";
constexpr absl::string_view kHelp[] = {
    "up, k / down, j  select a job",
    "enter            hide or show what is below the table",
    "l                its log instead of its loss, and back",
    "p                pause it, or resume it",
    "c                cancel it; asks first",
    "s                sort: active first, by name, by speed",
    "q, Ctrl-C        quit; jobs go on",
};

// "2 running  3 waiting  1 failed  41.2k tok/s".
std::string FleetLine(const std::vector<v1::Job>& jobs) {
  int running = 0, waiting = 0, failed = 0, ended = 0;
  double speed = 0;
  for (const v1::Job& job : jobs) {
    const v1::Job::State state = job.state();
    if (state == v1::Job::FAILED) {
      ++failed;
    } else if (IsTerminal(state)) {
      ++ended;
    } else if (IsActive(state)) {
      ++running;
    } else {
      ++waiting;
    }
    if (state == v1::Job::RUNNING) {
      speed += job.progress().tokens_per_second();
    }
  }
  return absl::StrCat("lockstep  ", running, " active  ", waiting, " waiting  ",
                      failed, " failed  ", ended, " ended  ",
                      FormatCount(speed), " tok/s");
}

// "gpu ▕████▏ 4/8"; empty without devices of the kind.
std::string DeviceBar(const std::vector<v1::Node>& nodes, v1::Device::Kind kind,
                      absl::string_view name, bool unicode) {
  int all = 0, used = 0;
  for (const v1::Node& node : nodes) {
    for (const v1::Device& device : node.devices()) {
      if (device.kind() != kind) continue;
      ++all;
      if (!device.job().empty() || !device.used_by().empty()) ++used;
    }
  }
  if (all == 0) return "";
  return absl::StrCat(
      name, " ", FormatBar(static_cast<double>(used) / all, kBarCells, unicode),
      " ", used, "/", all, " in use");
}

std::string DeviceLine(const TopState& state, bool unicode) {
  std::vector<std::string> bars;
  for (const auto& [kind, name] : {std::pair(v1::Device::CUDA, "gpu"),
                                   std::pair(v1::Device::CPU, "cpu")}) {
    std::string bar = DeviceBar(state.nodes(), kind, name, unicode);
    if (!bar.empty()) bars.push_back(std::move(bar));
  }
  return absl::StrJoin(bars, "   ");
}

// By the speed of the newest attempt since it started.
std::string Eta(const v1::Job& job, absl::Time now) {
  if (job.state() != v1::Job::RUNNING || job.attempts().empty()) return "";
  const v1::Attempt& attempt = job.attempts(job.attempts_size() - 1);
  const int64_t done = job.progress().step() - attempt.resume_step();
  const int64_t left = job.progress().steps_planned() - job.progress().step();
  if (done <= 0 || left < 0) return "";
  const absl::Duration spent =
      now - absl::FromUnixSeconds(attempt.start_time().seconds());
  return FormatShortDuration(
      spent * (static_cast<double>(left) / static_cast<double>(done)));
}

std::string StepCell(const v1::Job& job) {
  const v1::Progress& progress = job.progress();
  return progress.steps_planned() > 0
             ? absl::StrCat(progress.step(), "/", progress.steps_planned())
             : "";
}

std::string LossCell(const v1::Job& job) {
  return job.progress().step() > 0 ? FormatLoss(job.progress().loss()) : "";
}

std::string SpeedCell(const v1::Job& job) {
  return job.state() == v1::Job::RUNNING
             ? FormatCount(job.progress().tokens_per_second())
             : "";
}

std::string MfuCell(const v1::Job& job) {
  return job.state() == v1::Job::RUNNING && job.progress().has_mfu()
             ? FormatPercent(job.progress().mfu())
             : "";
}

struct Column {
  const char* header;
  int width;  // 0: what is left.
  bool right;
  std::string (*cell)(const v1::Job& job, absl::Time now);
};

using JobRef = const v1::Job&;
constexpr Column kTableColumns[] = {
    {"NAME", 0, false,
     [](JobRef job, absl::Time) { return JobIdOf(job.name()); }},
    {"STATE", 10, false,
     [](JobRef job, absl::Time) {
       return std::string(StateName(job.state()));
     }},
    {"STEP", 13, true, [](JobRef job, absl::Time) { return StepCell(job); }},
    {"LOSS", 8, true, [](JobRef job, absl::Time) { return LossCell(job); }},
    {"TOK/S", 7, true, [](JobRef job, absl::Time) { return SpeedCell(job); }}};
// Nobody knows it on CPUs, and names get the room.
constexpr Column kMfuColumn = {
    "MFU", 4, true, [](JobRef job, absl::Time) { return MfuCell(job); }};
constexpr Column kTimeColumns[] = {
    {"ETA", 6, true, Eta}, {"AGE", 6, true, [](JobRef job, absl::Time now) {
                              return FormatAge(job.create_time(), now);
                            }}};
constexpr int kGap = 2;
constexpr int kLeastName = 8;

std::vector<Column> ColumnsFor(const std::vector<v1::Job>& jobs) {
  std::vector<Column> columns(std::begin(kTableColumns),
                              std::end(kTableColumns));
  if (std::any_of(jobs.begin(), jobs.end(),
                  [](JobRef job) { return !MfuCell(job).empty(); })) {
    columns.push_back(kMfuColumn);
  }
  columns.insert(columns.end(), std::begin(kTimeColumns),
                 std::end(kTimeColumns));
  return columns;
}

template <typename TextOf>
std::string TableLine(const std::vector<Column>& columns, TextOf text_of,
                      int width, bool unicode) {
  int name = width;
  for (const Column& column : columns) {
    name -= column.width + (column.width > 0 ? kGap : 0);
  }
  name = std::max(name, kLeastName);
  std::string line;
  for (const Column& column : columns) {
    const int room = column.width > 0 ? column.width : name;
    const std::string text = ShortenEnd(text_of(column), room, unicode);
    const std::string blanks(room - static_cast<int>(DisplayWidth(text)), ' ');
    absl::StrAppend(&line, line.empty() ? "" : "  ", column.right ? blanks : "",
                    text, column.right ? "" : blanks);
  }
  return line;
}

// Rows [top, bottom) of the frame; the selected job is among those that fit.
void DrawTable(const TopState& state, absl::Time now, bool unicode, int top,
               int bottom, Frame& frame) {
  const auto& jobs = state.jobs();
  const std::vector<Column> columns = ColumnsFor(jobs);
  const auto write = [&](int row, Style style, auto text_of) {
    frame.WriteLine(row, TableLine(columns, text_of, frame.width(), unicode),
                    style);
  };
  write(top, Style::kBold,
        [](const Column& column) { return std::string(column.header); });
  const int room = bottom - top - 1;
  const auto selected = static_cast<int>(state.selected_index());
  const int first = std::max(0, selected - room + 1);
  if (jobs.empty()) {
    frame.WriteLine(top + 1, state.heard() ? "no jobs yet: lockstep submit"
                                           : "asking the coordinator ...");
  }
  for (int i = 0; i < room && first + i < static_cast<int>(jobs.size()); ++i) {
    write(top + 1 + i, first + i == selected ? Style::kReverse : Style::kPlain,
          [&job = jobs[first + i], now](const Column& column) {
            return column.cell(job, now);
          });
  }
}

void DrawLines(const std::vector<std::string>& lines, int top, int bottom,
               Frame& frame) {
  for (const std::string& line : lines) {
    if (top >= bottom) return;
    frame.Write(top++, 0, line);
  }
}

void DrawPlot(const TopState& state, const TopDetails& details, bool unicode,
              int top, int bottom, Frame& frame) {
  PlotOptions options;
  options.title = absl::StrCat(state.selected(), ": loss by step");
  options.width = frame.width();
  options.height = bottom - top - 2;  // Title and axis.
  options.ascii = !unicode;
  DrawLines(absl::StrSplit(RenderPlot({{"", details.loss}}, options), '\n'),
            top, bottom, frame);
}

void DrawLog(const TopState& state, const TopDetails& details, int top,
             int bottom, Frame& frame) {
  frame.Write(top, 0, absl::StrCat(state.selected(), ": log of rank 0"));
  const auto room = static_cast<size_t>(bottom - top - 1);
  const size_t skipped =
      details.log.size() > room ? details.log.size() - room : 0;
  DrawLines({details.log.begin() + static_cast<std::ptrdiff_t>(skipped),
             details.log.end()},
            top + 1, bottom, frame);
}

void DrawBottom(const TopState& state, const TopStyle& style, Frame& frame) {
  const int row = frame.height() - 1;
  if (!state.message().empty()) {
    frame.WriteLine(row, state.message(), Style::kBold);
  } else if (!state.error().empty()) {
    frame.WriteLine(row, state.error(), Style::kBold);
  } else if (style.keys) {
    frame.WriteLine(row, kKeys);
  }
}

}  // namespace

int TopRows(const TopState& state, int width, const TopStyle& style) {
  const auto gpus = static_cast<int>(
      GpuBarLines(state.nodes(), width, kEveryGpu, style.unicode).size());
  // The table's header, and a line of messages.
  return kHeaderRows + gpus + static_cast<int>(state.jobs().size()) + 2;
}

void DrawTop(const TopState& state, const TopDetails& details, absl::Time now,
             const TopStyle& style, Frame& frame) {
  frame.WriteLine(0, FleetLine(state.jobs()), Style::kBold);
  frame.WriteLine(1, DeviceLine(state, style.unicode));
  const std::vector<std::string> gpus =
      GpuBarLines(state.nodes(), frame.width(),
                  style.keys ? frame.height() / 4 : kEveryGpu, style.unicode);
  const int header = kHeaderRows + static_cast<int>(gpus.size());
  DrawLines(gpus, 2, header, frame);
  const int bottom = frame.height() - 1;
  const int room = bottom - header;
  const bool has_pane = (state.help() || state.pane() != TopPane::kNone) &&
                        room >= kLeastPaneRows + kLeastTableRows;
  // The table takes what it needs, up to half.
  const int table =
      has_pane
          ? std::clamp(static_cast<int>(state.jobs().size()) + 1,
                       kLeastTableRows, std::max(kLeastTableRows, room / 2))
          : room;
  DrawTable(state, now, style.unicode, header, header + table, frame);
  if (has_pane) {
    const int top = header + table + 1;
    if (state.help()) {
      DrawLines({std::begin(kHelp), std::end(kHelp)}, top, bottom, frame);
    } else if (state.pane() == TopPane::kPlot) {
      DrawPlot(state, details, style.unicode, top, bottom, frame);
    } else {
      DrawLog(state, details, top, bottom, frame);
    }
  }
  DrawBottom(state, style, frame);
}

}  // namespace lockstep::cli
