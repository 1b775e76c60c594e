#include "client/cli/command_metrics.h"

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/json.h"
#include "client/cli/rank_flag.h"
#include "client/cli/step_range.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

struct MetricFlags {
  std::string id;
  std::vector<std::string> keys;
  std::string rank = "0";
  std::string steps;
  std::string format = "csv";
};

absl::StatusOr<v1::StreamMetricsRequest> RequestOf(const MetricFlags& flags) {
  v1::StreamMetricsRequest request;
  request.set_name(JobName(JobIdOf(flags.id)));
  if (flags.rank != "all") {
    ASSIGN_OR_RETURN(const int rank, ParseRank(flags.rank));
    request.set_rank(rank);
  }
  if (!flags.steps.empty()) {
    ASSIGN_OR_RETURN(const StepRange steps, ParseStepRange(flags.steps));
    request.set_first_step(steps.first);
    request.set_last_step(steps.last);
  }
  return request;
}

// Drops the values that were not asked for; false when none is left.
bool KeepKeys(const std::vector<std::string>& keys, v1::MetricPoint* point) {
  if (keys.empty()) return true;
  auto& values = *point->mutable_values();
  for (auto it = values.begin(); it != values.end();) {
    const bool wanted =
        std::find(keys.begin(), keys.end(), it->first) != keys.end();
    it = wanted ? std::next(it) : values.erase(it);
  }
  return !values.empty();
}

// Columns are the sorted union of all keys, so every line has them all.
void PrintCsv(const std::vector<v1::MetricPoint>& points, std::ostream& out) {
  std::set<std::string> keys;
  for (const v1::MetricPoint& point : points) {
    for (const auto& [key, value] : point.values()) keys.insert(key);
  }
  out << "attempt,rank,step";
  for (const std::string& key : keys) out << "," << key;
  out << "\n";
  for (const v1::MetricPoint& point : points) {
    out << point.attempt() << "," << point.rank() << "," << point.step();
    for (const std::string& key : keys) {
      const auto value = point.values().find(key);
      out << ",";
      if (value != point.values().end()) {
        // 17 digits give the same double back.
        out << absl::StrFormat("%.17g", value->second);
      }
    }
    out << "\n";
  }
}

ExitStatus Metrics(const CommandContext& context, const MetricFlags& flags,
                   JobClient& client) {
  const absl::StatusOr<v1::StreamMetricsRequest> request = RequestOf(flags);
  if (!request.ok()) return context.Report(request.status());
  absl::StatusOr<std::vector<v1::MetricPoint>> points = client.Points(*request);
  if (!points.ok()) {
    return context.ReportForJob(points.status(), JobIdOf(flags.id));
  }
  std::erase_if(*points, [&flags](v1::MetricPoint& point) {
    return !KeepKeys(flags.keys, &point);
  });
  if (flags.format == "csv") {
    PrintCsv(*points, context.console.out);
  } else {
    for (const v1::MetricPoint& point : *points) {
      context.console.out << ToJsonLine(point) << "\n";
    }
  }
  return ExitStatus::kSuccess;
}

}  // namespace

void AddMetricsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("metrics", "Print measured points");
  auto flags = std::make_shared<MetricFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command
      ->add_option("--key", flags->keys,
                   "Only these, as in --key loss,grad_norm")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--rank", flags->rank,
                      "Whose: a rank, or all; losses are rank 0's [0]");
  command->add_option("--steps", flags->steps, "Only these, as in 100-110");
  command->add_option("-o,--output", flags->format, "csv or json [csv]")
      ->check(CLI::IsMember({"csv", "json"}));
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Metrics(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
