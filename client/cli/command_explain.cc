#include "client/cli/command_explain.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"

namespace lockstep::cli {
namespace {

// "in 12m"; "-" when not known.
std::string In(bool known, const google::protobuf::Timestamp& time,
               absl::Time now) {
  if (!known) return "-";
  return absl::StrCat(
      "in ", FormatShortDuration(absl::FromUnixSeconds(time.seconds()) - now));
}

std::string Holders(const v1::JobExplanation& explanation, absl::Time now,
                    const TableRoom& room) {
  if (explanation.holders().empty()) return "";
  Table table({"HOLDER", "DEVICES", "PRIORITY", "GIVES WAY", "ENDS"}, room);
  for (const v1::JobExplanation::Holder& holder : explanation.holders()) {
    table.AddRow(
        {JobIdOf(holder.job()), absl::StrCat(holder.devices()),
         PriorityName(holder.priority()), holder.gives_way() ? "yes" : "no",
         In(holder.has_expected_end_time(), holder.expected_end_time(), now)});
  }
  return absl::StrCat("\n", table.Render());
}

std::string Ahead(const v1::JobExplanation& explanation,
                  const TableRoom& room) {
  if (explanation.ahead().empty()) return "";
  Table table({"PLACE", "GOES FIRST"}, room);
  for (int i = 0; i < explanation.ahead_size(); ++i) {
    table.AddRow({absl::StrCat(i + 1), JobIdOf(explanation.ahead(i))});
  }
  return absl::StrCat("\n", table.Render());
}

ExitStatus Explain(const CommandContext& context, const std::string& id,
                   JobClient& client) {
  const absl::StatusOr<v1::JobExplanation> explanation = client.Explain(id);
  if (!explanation.ok()) return context.ReportForJob(explanation.status(), id);
  if (context.console.json) {
    context.console.out << ToJson(*explanation);
    return ExitStatus::kSuccess;
  }
  context.console.out << "job/" << id << " " << StateName(explanation->state())
                      << "\n"
                      << explanation->message() << "\n"
                      << Ahead(*explanation, context.console.room)
                      << Holders(*explanation, absl::Now(),
                                 context.console.room);
  return ExitStatus::kSuccess;
}

}  // namespace

void AddExplainCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "explain", "Say why a job is where it is, and what it waits for");
  auto id = std::make_shared<std::string>();
  command->add_option("NAME", *id, "The job")->required();
  command->callback([&context, id] {
    context.run = [&context, id] {
      return WithClient(context, [&](JobClient& client) {
        return Explain(context, JobIdOf(*id), client);
      });
    };
  });
}

}  // namespace lockstep::cli
