#include "client/cli/command_wait.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/follow.h"

namespace lockstep::cli {
namespace {

struct WaitFlags {
  std::string id;
  std::string timeout;
};

ExitStatus Wait(const CommandContext& context, const WaitFlags& flags) {
  FollowOptions options;
  options.show = false;
  if (!flags.timeout.empty() &&
      (!absl::ParseDuration(flags.timeout, &options.timeout) ||
       options.timeout <= absl::ZeroDuration())) {
    return context.Report(absl::InvalidArgumentError(absl::StrCat(
        "--timeout \"", flags.timeout, "\" is not a time like 30s or 2h")));
  }
  return WithClient(context, [&](JobClient& client) {
    return FollowAndReport(context, client, JobIdOf(flags.id), options);
  });
}

}  // namespace

void AddWaitCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("wait",
                         "Return when a job has ended, with 0, 10 (failed), 11 "
                         "(cancelled) or 12 (timeout)");
  auto flags = std::make_shared<WaitFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_option("--timeout", flags->timeout,
                      "Give up after this long, as in 30s or 2h");
  command->callback([&context, flags] {
    context.run = [&context, flags] { return Wait(context, *flags); };
  });
}

}  // namespace lockstep::cli
