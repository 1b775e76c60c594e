#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_CONTEXT_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_CONTEXT_H_

// What every command shares: the global flags, the console, the way to the
// coordinator. A command is one file, command_X.cc, with a function
//
//   void AddXCommand(CLI::App& app, CommandContext& context);
//
// that declares its flags and, when parsed, leaves its work in context.run.

#include <functional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/cli/console.h"
#include "client/job_client.h"

namespace lockstep::cli {

struct GlobalFlags {
  ClientFlags client;
  std::string context;
  std::string output = "table";
  std::string timeout = "10s";
  bool no_color = false;
  bool quiet = false;
};

struct CommandContext {
  GlobalFlags flags;
  Console console;
  std::function<ExitStatus()> run;

  // A client for the coordinator that flags, environment or config file name.
  absl::StatusOr<JobClient> Connect() const;
  // Prints the error of a call, with a hint at what to do about it.
  ExitStatus Report(const absl::Status& status) const;
  // As above; for an unknown job, suggests one that exists.
  ExitStatus ReportForJob(const absl::Status& status,
                          const std::string& id) const;
};

// "jobs/qwen" and "job/qwen", as other commands print them, and "qwen".
std::string JobIdOf(const std::string& argument);

// Runs `work` with a client; reports what goes wrong on the way there.
ExitStatus WithClient(const CommandContext& context,
                      const std::function<ExitStatus(JobClient&)>& work);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_CONTEXT_H_
