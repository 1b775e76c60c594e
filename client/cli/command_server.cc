#include "client/cli/command_server.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json.h"
#include "client/cli/private_file.h"
#include "client/cli/table.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

std::string JobsInWords(const v1::ServerInfo& info) {
  std::vector<std::string> counts;
  counts.reserve(info.jobs_size());
  for (const v1::JobCount& jobs : info.jobs()) {
    counts.push_back(absl::StrCat(
        jobs.count(), " ", absl::AsciiStrToLower(StateName(jobs.state()))));
  }
  return counts.empty() ? "none" : absl::StrJoin(counts, ", ");
}

std::string DevicesInWords(const std::vector<v1::Node>& nodes) {
  std::map<v1::Device::Kind, std::pair<int, int>> used;  // In use, of.
  for (const v1::Node& node : nodes) {
    for (const v1::Device& device : node.devices()) {
      auto& [taken, all] = used[device.kind()];
      taken += device.job().empty() && device.used_by().empty() ? 0 : 1;
      ++all;
    }
  }
  std::vector<std::string> kinds;
  kinds.reserve(used.size());
  for (const auto& [kind, count] : used) {
    kinds.push_back(absl::StrCat(
        count.first, " of ", count.second, " ",
        absl::AsciiStrToLower(v1::Device::Kind_Name(kind)), " in use"));
  }
  return absl::StrJoin(kinds, ", ");
}

ExitStatus Status(const CommandContext& context, JobClient& client) {
  const absl::StatusOr<v1::ServerInfo> info = client.ServerInfo();
  if (!info.ok()) return context.Report(info.status());
  if (context.console.json) {
    context.console.out << ToJson(*info);
    return ExitStatus::kSuccess;
  }
  const absl::StatusOr<std::vector<v1::Node>> nodes = client.Nodes();
  if (!nodes.ok()) return context.Report(nodes.status());
  const auto line = [&](absl::string_view key, absl::string_view value) {
    context.console.out << absl::StrFormat("%-10s%s\n", key, value);
  };
  line("version", absl::StrCat(info->version(), " (", info->revision(), ")"));
  line("up", FormatAge(info->start_time(), absl::Now()));
  line("state", info->state_dir());
  line("store", absl::StrCat("version ", info->store_version()));
  line("metrics",
       info->metrics_address().empty() ? "off" : info->metrics_address());
  if (info->has_drain_time()) {
    line("drained", absl::StrCat(FormatAge(info->drain_time(), absl::Now()),
                                 "; nothing new starts"));
  }
  line("jobs", JobsInWords(*info));
  line("devices", DevicesInWords(*nodes));
  return ExitStatus::kSuccess;
}

ExitStatus ShowConfig(const CommandContext& context, JobClient& client) {
  const absl::StatusOr<v1::ServerConfig> config = client.ServerConfig();
  if (!config.ok()) return context.Report(config.status());
  if (context.console.json) {
    context.console.out << ToJsonList(*config);
    return ExitStatus::kSuccess;
  }
  Table table({"FLAG", "VALUE"}, context.console.room);
  for (const v1::ServerSetting& setting : config->settings()) {
    table.AddRow({absl::StrCat("--", setting.name()), setting.value()});
  }
  context.console.out << table.Render();
  return ExitStatus::kSuccess;
}

struct DrainFlags {
  bool undrain = false;
  bool let_run = false;
  bool wait = false;
};

ExitStatus Drain(const CommandContext& context, const DrainFlags& flags,
                 JobClient& client) {
  const absl::StatusOr<v1::ServerInfo> info =
      flags.undrain ? client.Undrain() : client.Drain(flags.let_run);
  if (!info.ok()) return context.Report(info.status());
  if (flags.wait) {
    InterruptHandler interrupt([&] { client.Interrupt(); });
    const absl::Status idle = client.WaitUntilIdle();
    if (interrupt.interrupted()) return ExitStatus::kInterrupted;
    if (!idle.ok()) return context.Report(idle);
  }
  if (context.console.json) {
    context.console.out << ToJson(*info);
  } else {
    context.console.out << "server "
                        << (flags.undrain ? "undrained" : "drained")
                        << (flags.wait ? ", and nothing runs\n" : "\n");
  }
  return ExitStatus::kSuccess;
}

void AddDrain(CLI::App& server, CommandContext& context) {
  CLI::App* drain = server.add_subcommand(
      "drain",
      "Stop what trains, with checkpoints, and start nothing until --undrain");
  auto flags = std::make_shared<DrainFlags>();
  CLI::Option* undrain = drain->add_flag(
      "--undrain", flags->undrain, "Start jobs again, from their checkpoints");
  drain
      ->add_flag("--let-run", flags->let_run,
                 "What trains goes on to its end; only what waits waits")
      ->excludes(undrain);
  drain->add_flag("--wait", flags->wait, "Return when nothing runs any more")
      ->excludes(undrain);
  drain->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Drain(context, *flags, client);
      });
    };
  });
}

ExitStatus Backup(const CommandContext& context, const std::string& path,
                  JobClient& client) {
  absl::StatusOr<PrivateFile> file = PrivateFile::Create(path);
  if (!file.ok()) return context.Report(file.status());
  InterruptHandler interrupt([&] { client.Interrupt(); });
  int64_t bytes = 0;
  absl::Status status = client.Backup([&](absl::string_view piece) {
    bytes += static_cast<int64_t>(piece.size());
    return file->Append(piece);
  });
  if (status.ok()) status = file->Commit();
  if (interrupt.interrupted()) return ExitStatus::kInterrupted;
  if (!status.ok()) return context.Report(status);
  if (!context.console.quiet) {
    context.console.err << "saved " << FormatBytes(bytes) << " to " << path
                        << "\n";
  }
  return ExitStatus::kSuccess;
}

template <typename Work>
void AddVerb(CLI::App& server, CommandContext& context, const char* name,
             const char* what, Work work) {
  CLI::App* verb = server.add_subcommand(name, what);
  verb->callback([&context, work] {
    context.run = [&context, work] {
      return WithClient(
          context, [&](JobClient& client) { return work(context, client); });
    };
  });
}

}  // namespace

void AddServerCommand(CLI::App& app, CommandContext& context) {
  CLI::App* server = app.add_subcommand("server", "Look after the coordinator");
  server->require_subcommand(1);
  AddVerb(*server, context, "status", "Show what runs there", Status);
  AddVerb(*server, context, "config", "Show its settings", ShowConfig);
  AddDrain(*server, context);
  CLI::App* backup = server->add_subcommand(
      "backup", "Copy its job store, while jobs go on, to a file here");
  auto path = std::make_shared<std::string>();
  backup->add_option("FILE", *path, "New file, for its owner alone")
      ->required();
  backup->callback([&context, path] {
    context.run = [&context, path] {
      return WithClient(context, [&](JobClient& client) {
        return Backup(context, *path, client);
      });
    };
  });
}

}  // namespace lockstep::cli
