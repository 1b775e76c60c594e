#include "client/cli/command_contexts.h"

#include <filesystem>
#include <memory>
#include <string>

#include "client/cli/config_file.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

// Changes the config file, if the change is possible.
absl::Status ChangeConfig(const std::function<absl::Status(Config&)>& change) {
  const std::string path = ConfigPath(ProcessEnvironment);
  if (path.empty()) {
    return absl::FailedPreconditionError(
        "there is no place for a config file: HOME is not set");
  }
  ASSIGN_OR_RETURN(Config config, ReadConfig(path));
  RETURN_IF_ERROR(change(config));
  return WriteConfig(path, config);
}

absl::Status MissingContext(const Config& config, const std::string& name) {
  return NoSuchContext(config, name, ConfigPath(ProcessEnvironment));
}

ExitStatus ListContexts(const CommandContext& context) {
  const absl::StatusOr<Config> config =
      ReadConfig(ConfigPath(ProcessEnvironment));
  if (!config.ok()) return context.Report(config.status());
  if (context.console.json) {
    context.console.out << ToJsonList(*config);
    return ExitStatus::kSuccess;
  }
  if (config->contexts().empty()) {
    context.console.err
        << "no contexts; lockstep context set NAME --server ... makes one\n";
    return ExitStatus::kSuccess;
  }
  Table table({"NAME", "CURRENT", "SERVER", "TOKEN_FILE"},
              context.console.room);
  for (const Context& known : config->contexts()) {
    table.AddRow({known.name(), known.name() == config->current() ? "*" : "",
                  known.server(), known.token_file()});
  }
  context.console.out << table.Render();
  return ExitStatus::kSuccess;
}

absl::Status UseContext(const std::string& name, Config& config) {
  if (FindContext(config, name) == nullptr) return MissingContext(config, name);
  config.set_current(name);
  return absl::OkStatus();
}

// Files are named from anywhere.
void SetPath(const std::string& path, std::string* field) {
  if (!path.empty()) *field = std::filesystem::absolute(path).string();
}

// A new one becomes the current one if it is the first.
absl::Status SetContext(const std::string& name, const ClientFlags& flags,
                        Config& config) {
  Context* set = nullptr;
  for (Context& known : *config.mutable_contexts()) {
    if (known.name() == name) set = &known;
  }
  if (set == nullptr) {
    if (flags.server.empty()) {
      return absl::InvalidArgumentError(
          "a new context needs --server, unix:/path or host:port");
    }
    set = config.add_contexts();
    set->set_name(name);
    if (config.contexts_size() == 1) config.set_current(name);
  }
  if (!flags.server.empty()) set->set_server(flags.server);
  SetPath(flags.token_file, set->mutable_token_file());
  SetPath(flags.tls.ca, set->mutable_tls_ca());
  SetPath(flags.tls.cert, set->mutable_tls_cert());
  SetPath(flags.tls.key, set->mutable_tls_key());
  return absl::OkStatus();
}

absl::Status DeleteContext(const std::string& name, Config& config) {
  for (int i = 0; i < config.contexts_size(); ++i) {
    if (config.contexts(i).name() != name) continue;
    config.mutable_contexts()->DeleteSubrange(i, 1);
    if (config.current() == name) config.clear_current();
    return absl::OkStatus();
  }
  return MissingContext(config, name);
}

// A verb that changes one context.
void AddChange(
    CLI::App& app, CommandContext& context, const std::string& verb,
    const std::string& help, const std::string& done,
    const std::function<absl::Status(const std::string&, Config&)>& change) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(verb, help);
  command->add_option("CONTEXT", *name, "The context")->required();
  command->callback([&context, name, change, done] {
    context.run = [&context, name, change, done] {
      const absl::Status status =
          ChangeConfig([&](Config& config) { return change(*name, config); });
      if (!status.ok()) return context.Report(status);
      context.console.out << "context/" << *name << " " << done << "\n";
      return ExitStatus::kSuccess;
    };
  });
}

}  // namespace

void AddContextsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* contexts =
      app.add_subcommand("context", "Give coordinators names, and choose one");
  contexts->require_subcommand(1);
  CLI::App* list = contexts->add_subcommand("list", "List contexts");
  list->callback([&context] {
    context.run = [&context] { return ListContexts(context); };
  });
  AddChange(*contexts, context, "use", "Talk to this one from now on",
            "is in use", UseContext);
  AddChange(*contexts, context, "set",
            "Add or change one, by --server, --token-file and --tls-...", "set",
            [&context](const std::string& name, Config& config) {
              return SetContext(name, context.flags.client, config);
            });
  AddChange(*contexts, context, "delete", "Forget one", "deleted",
            DeleteContext);
}

}  // namespace lockstep::cli
