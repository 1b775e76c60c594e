#include "client/cli/command_diff.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"
#include "client/cli/metric_curves.h"
#include "client/cli/report_facts.h"
#include "client/cli/table.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

// Columns of the whole table.
constexpr size_t kDiffWidth = 80;

struct Side {
  std::string id;
  Facts spec;
  Facts results;
};

struct Difference {
  std::string field;
  std::string a, b;  // Empty on the side that does not have it.
};

absl::StatusOr<Side> ReadSide(const std::string& id, JobClient& client) {
  ASSIGN_OR_RETURN(const v1::Job job, client.Get(id));
  MetricCurves curves;
  RETURN_IF_ERROR(client.Metrics(
      id, /*follow=*/false,
      [&curves](const v1::MetricPoint& point) { curves.Add(point); }));
  v1::JobSpec spec = job.spec();
  spec.clear_name();  // The headers say it.
  return Side{id, SpecFacts(spec), OutcomeFacts(job, curves)};
}

// In the order of `a`, then what only `b` has.
std::vector<Difference> Differences(const Facts& a, const Facts& b) {
  const std::map<std::string, std::string> of_a(a.begin(), a.end());
  const std::map<std::string, std::string> of_b(b.begin(), b.end());
  std::vector<Difference> differences;
  for (const auto& [field, value] : a) {
    const auto other = of_b.find(field);
    const std::string b_value = other == of_b.end() ? "" : other->second;
    if (value != b_value) differences.push_back({field, value, b_value});
  }
  for (const auto& [field, value] : b) {
    if (!of_a.contains(field)) differences.push_back({field, "", value});
  }
  return differences;
}

std::string RenderSection(const std::string& title, const Side& a,
                          const Side& b,
                          const std::vector<Difference>& differences,
                          bool unicode) {
  if (differences.empty()) return absl::StrCat(title, ": no difference\n");
  size_t fields = title.size();
  for (const Difference& difference : differences) {
    fields = std::max(fields, DisplayWidth(difference.field));
  }
  // Two gaps of two columns.
  const size_t room = std::max<size_t>(12, (kDiffWidth - fields - 4) / 2);
  Table table({title, ShortenFront(a.id, room, unicode),
               ShortenFront(b.id, room, unicode)});
  for (const Difference& difference : differences) {
    table.AddRow({difference.field, ShortenFront(difference.a, room, unicode),
                  ShortenFront(difference.b, room, unicode)});
  }
  return table.Render();
}

nlohmann::ordered_json JsonOf(const std::vector<Difference>& differences) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Difference& difference : differences) {
    list.push_back({{"field", difference.field},
                    {"a", difference.a},
                    {"b", difference.b}});
  }
  return list;
}

ExitStatus Diff(const CommandContext& context, const std::string& first,
                const std::string& second, JobClient& client) {
  const absl::StatusOr<Side> a = ReadSide(first, client);
  if (!a.ok()) return context.ReportForJob(a.status(), first);
  const absl::StatusOr<Side> b = ReadSide(second, client);
  if (!b.ok()) return context.ReportForJob(b.status(), second);
  const std::vector<Difference> spec = Differences(a->spec, b->spec);
  const std::vector<Difference> results = Differences(a->results, b->results);
  const Console& console = context.console;
  if (console.json) {
    const nlohmann::ordered_json json = {{"a", first},
                                         {"b", second},
                                         {"spec", JsonOf(spec)},
                                         {"results", JsonOf(results)}};
    // A path may hold any bytes.
    console.out << json.dump(1, ' ', false,
                             nlohmann::ordered_json::error_handler_t::replace)
                << "\n";
    return ExitStatus::kSuccess;
  }
  console.out << RenderSection("SPEC", *a, *b, spec, console.style.unicode)
              << "\n"
              << RenderSection("RESULTS", *a, *b, results,
                               console.style.unicode);
  return ExitStatus::kSuccess;
}

}  // namespace

void AddDiffCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "diff", "Show where the specs and results of two jobs differ");
  auto names = std::make_shared<std::vector<std::string>>();
  command->add_option("NAME", *names, "The two jobs")->required()->expected(2);
  command->callback([&context, names] {
    context.run = [&context, names] {
      return WithClient(context, [&](JobClient& client) {
        return Diff(context, JobIdOf(names->at(0)), JobIdOf(names->at(1)),
                    client);
      });
    };
  });
}

}  // namespace lockstep::cli
