#include "client/cli/command_label.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/json.h"

namespace lockstep::cli {
namespace {

struct LabelFlags {
  std::string id;
  std::vector<std::string> changes;
};

ExitStatus Label(const CommandContext& context, const LabelFlags& flags) {
  std::map<std::string, std::string> set;
  std::vector<std::string> remove;
  for (const std::string& change : flags.changes) {
    const size_t equals = change.find('=');
    absl::string_view key = change;
    if (equals != std::string::npos && equals > 0) {
      set[change.substr(0, equals)] = change.substr(equals + 1);
    } else if (equals == std::string::npos && absl::ConsumeSuffix(&key, "-") &&
               !key.empty()) {
      remove.push_back(std::string(key));
    } else {
      return context.Report(absl::InvalidArgumentError(
          absl::StrCat("\"", change,
                       "\" is not KEY=VALUE, nor KEY- to remove "
                       "the label")));
    }
  }
  const std::string id = JobIdOf(flags.id);
  return WithClient(context, [&](JobClient& client) {
    const absl::StatusOr<v1::Job> job = client.ChangeLabels(id, set, remove);
    if (!job.ok()) return context.ReportForJob(job.status(), id);
    if (context.console.json) {
      context.console.out << ToJson(*job);
    } else {
      context.console.out << "job/" << id << " labelled\n";
    }
    return ExitStatus::kSuccess;
  });
}

}  // namespace

void AddLabelCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("label", "Set and remove labels of a job");
  auto flags = std::make_shared<LabelFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_option("LABEL", flags->changes, "KEY=VALUE, or KEY- to remove")
      ->required();
  command->callback([&context, flags] {
    context.run = [&context, flags] { return Label(context, *flags); };
  });
}

}  // namespace lockstep::cli
