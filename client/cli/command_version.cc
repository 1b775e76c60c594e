#include "client/cli/command_version.h"

#include "absl/strings/str_cat.h"
#include "client/cli/json.h"
#include "proto/contract/version.h"

namespace lockstep::cli {

std::string VersionLine() { return absl::StrCat("lockstep ", VersionText()); }

void AddVersionCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("version", "Print the version");
  command->callback([&context] {
    context.run = [&context] {
      if (context.console.json) {
        v1::ServerInfo info;
        info.set_version(kVersion);
        info.set_revision(std::string(BuildRevision()));
        context.console.out << ToJson(info);
      } else {
        context.console.out << VersionLine() << "\n";
      }
      return ExitStatus::kSuccess;
    };
  });
}

}  // namespace lockstep::cli
