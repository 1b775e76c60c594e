#include "server/launcher/slurm_client.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "server/launcher/run_command.h"

namespace lockstep {
namespace {

constexpr char kTimeFormat[] = "SLURM_TIME_FORMAT=";

}  // namespace

std::string SlurmClient::PathOf(const std::string& program) const {
  return options_.bin_dir.empty()
             ? program
             : absl::StrCat(options_.bin_dir, "/", program);
}

absl::StatusOr<std::string> SlurmClient::Run(
    std::vector<std::string> words) const {
  const std::string program = words[0];
  words[0] = PathOf(program);
  absl::StatusOr<CommandResult> result =
      RunCommand({.argv = std::move(words),
                  .timeout = options_.timeout,
                  // They would hide jobs of ours from squeue.
                  .without = {"SQUEUE_", "SINFO_", "SCANCEL_", "SLURM_CLUSTERS",
                              kTimeFormat},
                  // Whatever the time zone.
                  .with = {absl::StrCat(kTimeFormat, "%s")},
                  .stop_fd = options_.stop_fd});
  if (absl::IsDeadlineExceeded(result.status()) ||
      absl::IsCancelled(result.status())) {
    return absl::UnavailableError(result.status().message());
  }
  if (!result.ok()) return result.status();
  if (result->exit_code == 0) return std::move(result->out);
  std::string why = ErrorSentence(result->err);
  if (why.empty()) {
    why = absl::StrCat(program, " ended with exit code ", result->exit_code);
  }
  if (IsUnreachable(result->err)) return absl::UnavailableError(why);
  return absl::FailedPreconditionError(why);
}

absl::StatusOr<std::string> SlurmClient::Submit(
    const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {"sbatch"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  ASSIGN_OR_RETURN(const std::string out, Run(std::move(words)));
  return ParseSubmitted(out);
}

absl::StatusOr<std::vector<SlurmJobLine>> SlurmClient::List() const {
  ASSIGN_OR_RETURN(const std::string out,
                   Run({"squeue", "--noheader", "--states=all",
                        absl::StrCat("--user=", getuid()),
                        absl::StrCat("--format=", kSqueueFormat)}));
  return ParseJobs(out);
}

absl::Status SlurmClient::Cancel(const std::string& name,
                                 const std::string& id) const {
  std::vector<std::string> words = {"scancel", absl::StrCat("--name=", name)};
  if (!id.empty()) words.push_back(id);
  const absl::Status status = Run(std::move(words)).status();
  // It ended meanwhile.
  return absl::StrContains(status.message(), "Invalid job id") ||
                 absl::StrContains(status.message(), "already completing")
             ? absl::OkStatus()
             : status;
}

absl::Status SlurmClient::Kill(const std::string& name) const {
  // It may have no processes, and then there is nothing to kill.
  if (const absl::Status killed =
          Run({"scancel", "--signal=KILL", absl::StrCat("--name=", name)})
              .status();
      absl::IsUnavailable(killed)) {
    return killed;
  }
  return Cancel(name, /*id=*/"");
}

absl::StatusOr<SlurmJobEnd> SlurmClient::EndOfJob(const std::string& id) const {
  ASSIGN_OR_RETURN(const std::string out,
                   Run({"scontrol", "--oneliner", "show", "job", id}));
  return ParseJobEnd(out);
}

absl::StatusOr<SlurmSlots> SlurmClient::Slots(
    const std::string& partition) const {
  std::vector<std::string> words = {"sinfo", "--noheader", "--Node",
                                    absl::StrCat("--format=", kSinfoFormat)};
  if (!partition.empty()) {
    words.push_back(absl::StrCat("--partition=", partition));
  }
  ASSIGN_OR_RETURN(const std::string out, Run(std::move(words)));
  return ParseSlots(out);
}

absl::StatusOr<std::string> SlurmClient::Config() const {
  return Run({"scontrol", "show", "config"});
}

}  // namespace lockstep
