#include "client/cli/command_set_priority.h"

#include <map>
#include <memory>

#include "client/cli/json.h"
#include "proto/contract/priority.h"
#include "proto/contract/spec_value.h"

namespace lockstep::cli {
namespace {

using Priority = v1::ResourceSpec::Priority;

struct PriorityFlags {
  std::string id;
  Priority priority = v1::ResourceSpec::PRIORITY_UNSPECIFIED;
};

ExitStatus SetPriority(const CommandContext& context,
                       const PriorityFlags& flags, JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  const absl::StatusOr<v1::Job> job = client.SetPriority(id, flags.priority);
  if (!job.ok()) return context.ReportForJob(job.status(), id);
  if (context.console.json) {
    context.console.out << ToJson(*job);
  } else {
    context.console.out << "job/" << id << " has priority "
                        << PriorityName(flags.priority) << "\n";
  }
  return ExitStatus::kSuccess;
}

}  // namespace

void AddSetPriorityCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "set-priority", "Let a waiting job start before or after others");
  auto flags = std::make_shared<PriorityFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  AddPriorityOption(*command, "PRIORITY", flags->priority,
                    "low, normal or high")
      ->required();
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return SetPriority(context, *flags, client);
      });
    };
  });
}

CLI::Option* AddPriorityOption(CLI::App& app, const std::string& name,
                               Priority& priority, const std::string& what) {
  const auto& type = *v1::ResourceSpec::Priority_descriptor();
  return app
      .add_option_function<std::string>(
          name,
          [&priority, &type](const std::string& word) {
            priority =
                static_cast<Priority>(FindEnumByYamlName(type, word)->number());
          },
          what)
      ->check(CLI::IsMember(EnumYamlNames(type)));
}

}  // namespace lockstep::cli
