#include "server/launcher/worker_command.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep {
namespace {

std::vector<std::string> PrepareCommand(const WorkerContext& context,
                                        const LaunchRequest& request,
                                        const std::string& folder) {
  return {context.worker_path,
          "prepare",
          "--coordinator",
          context.coordinator,
          "--job",
          request.attempt.job,
          "--job-uid",
          request.job_uid,
          "--token-file",
          absl::StrCat(folder, "/", kTokenFile),
          "--spec",
          absl::StrCat(folder, "/", kSpecFile),
          "--cache-dir",
          absl::StrCat(context.state_dir, "/cache")};
}

std::vector<std::string> SuperviseCommand(const WorkerContext& context,
                                          const LaunchRequest& request,
                                          const std::string& folder) {
  std::vector<int> ranks;
  std::vector<std::string> devices;
  for (const v1::RankPlacement& rank : request.ranks) {
    ranks.push_back(rank.rank());
    devices.push_back(rank.device());
  }
  std::vector<std::string> words = SuperviseWords(context, request, folder);
  words.insert(words.end(),
               {"--node", request.ranks.empty() ? "" : request.ranks[0].node(),
                "--ranks", absl::StrJoin(ranks, ","), "--devices",
                absl::StrJoin(devices, ",")});
  if (!context.cpu_binding) words.emplace_back("--no-cpu-binding");
  return words;
}

}  // namespace

std::vector<std::string> SuperviseWords(const WorkerContext& context,
                                        const LaunchRequest& request,
                                        const std::string& folder) {
  return {context.worker_path,
          "supervise",
          "--coordinator",
          context.coordinator,
          "--job",
          request.attempt.job,
          "--attempt",
          absl::StrCat(request.attempt.attempt),
          "--token-file",
          absl::StrCat(folder, "/", kTokenFile),
          "--attempt-dir",
          folder};
}

void AddTlsCa(const WorkerContext& context, std::vector<std::string>& words) {
  // A socket speaks no TLS.
  if (context.tls_ca.empty() ||
      absl::StartsWith(context.coordinator, "unix:")) {
    return;
  }
  words.insert(words.end(), {"--tls-ca", context.tls_ca});
}

std::string JobFolder(const std::string& state_dir,
                      const std::string& job_uid) {
  return absl::StrCat(state_dir, "/jobs/", job_uid);
}

std::string ProcessFolder(const std::string& state_dir,
                          const std::string& job_uid, int attempt) {
  return absl::StrCat(
      JobFolder(state_dir, job_uid),
      attempt == 0 ? "/prepare" : absl::StrCat("/attempt-", attempt));
}

std::string LogFileName(int attempt) {
  return attempt == 0 ? "prepare.log" : "supervisor.log";
}

std::vector<std::string> WorkerCommand(const WorkerContext& context,
                                       const LaunchRequest& request) {
  const std::string folder = ProcessFolder(context.state_dir, request.job_uid,
                                           request.attempt.attempt);
  std::vector<std::string> words =
      request.attempt.attempt == 0 ? PrepareCommand(context, request, folder)
                                   : SuperviseCommand(context, request, folder);
  AddTlsCa(context, words);
  return words;
}

}  // namespace lockstep
