#include "server/launcher/slurm_job.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace lockstep {
namespace {

// A rank computes on its GPU and reads its rows on a thread beside.
constexpr int kCpusPerGpu = 2;
// Enough of a uid to tell jobs of one state folder apart.
constexpr size_t kUidDigits = 12;

// As one word of a shell.
std::string Quoted(const std::string& word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

int CpusPerNode(const LaunchRequest& request, const SlurmJob& job) {
  const int ranks = RanksPerNode(request);
  return job.kind == v1::Device::CUDA ? ranks * kCpusPerGpu : ranks;
}

std::string Or(const std::string& wanted, const std::string& fallback) {
  return wanted.empty() ? fallback : wanted;
}

void AddIfSet(absl::string_view flag, const std::string& value,
              std::vector<std::string>& words) {
  if (!value.empty()) words.push_back(absl::StrCat(flag, "=", value));
}

void AddSiteOptions(const v1::SlurmSpec& spec, const SlurmDefaults& defaults,
                    std::vector<std::string>& words) {
  AddIfSet("--partition", Or(spec.partition(), defaults.partition), words);
  AddIfSet("--account", Or(spec.account(), defaults.account), words);
  AddIfSet("--qos", Or(spec.qos(), defaults.qos), words);
  AddIfSet("--constraint", spec.constraint(), words);
}

int64_t WholeMinutes(absl::Duration duration) {
  return absl::ToInt64Minutes(absl::Ceil(duration, absl::Minutes(1)));
}

std::vector<std::string> SuperviseOnEachHost(const WorkerContext& context,
                                             const LaunchRequest& request,
                                             const SlurmJob& job,
                                             const std::string& folder) {
  std::vector<std::string> words = SuperviseWords(context, request, folder);
  words.insert(words.end(),
               {"--slurm", job.kind == v1::Device::CUDA ? "cuda" : "cpu",
                "--ranks-per-node", absl::StrCat(RanksPerNode(request))});
  AddTlsCa(context, words);
  return words;
}

}  // namespace

std::string SlurmPrefix(absl::string_view nonce) {
  return absl::StrCat("lockstep-", nonce, "-");
}

std::string SlurmJobName(absl::string_view nonce, absl::string_view job_uid,
                         int attempt) {
  return absl::StrCat(SlurmPrefix(nonce), job_uid.substr(0, kUidDigits), "-",
                      attempt);
}

int NodesOf(const v1::JobSpec& spec) {
  return std::max(1, spec.resources().nodes());
}

int RanksPerNode(const LaunchRequest& request) {
  const int nodes = NodesOf(request.spec);
  return (static_cast<int>(request.ranks.size()) + nodes - 1) / nodes;
}

std::vector<std::string> SbatchArguments(const WorkerContext& context,
                                         const LaunchRequest& request,
                                         const SlurmJob& job) {
  const std::string folder = ProcessFolder(context.state_dir, request.job_uid,
                                           request.attempt.attempt);
  std::vector<std::string> names = {"PATH"};
  names.insert(names.end(), job.exported.begin(), job.exported.end());
  std::vector<std::string> words = {
      "--parsable", absl::StrCat("--job-name=", job.name),
      absl::StrCat("--comment=lockstep ", job.nonce, " ", request.attempt.job,
                   " attempt ", request.attempt.attempt),
      "--no-requeue",
      // Of one name only one runs, however often it was submitted.
      "--dependency=singleton",
      absl::StrCat("--export=", absl::StrJoin(names, ",")),
      absl::StrCat("--nodes=", NodesOf(request.spec)), "--ntasks-per-node=1",
      absl::StrCat("--cpus-per-task=", CpusPerNode(request, job)),
      absl::StrCat("--chdir=", folder),
      absl::StrCat("--output=", folder, "/",
                   LogFileName(request.attempt.attempt)),
      "--open-mode=append"};
  if (job.kind == v1::Device::CUDA) {
    words.push_back(absl::StrCat("--gpus-per-node=", job.gpu_type,
                                 job.gpu_type.empty() ? "" : ":",
                                 RanksPerNode(request)));
  }
  if (job.time_limit < absl::InfiniteDuration()) {
    words.push_back(absl::StrCat("--time=", WholeMinutes(job.time_limit)));
  }
  if (!request.avoid_nodes.empty()) {
    words.push_back(
        absl::StrCat("--exclude=", absl::StrJoin(request.avoid_nodes, ",")));
  }
  AddSiteOptions(request.spec.resources().slurm(), job.defaults, words);
  words.push_back(absl::StrCat(folder, "/", kBatchScript));
  return words;
}

std::string BatchScript(const WorkerContext& context,
                        const LaunchRequest& request, const SlurmJob& job,
                        const std::string& srun) {
  const std::string folder = ProcessFolder(context.state_dir, request.job_uid,
                                           request.attempt.attempt);
  const auto quote = [](std::string* out, const std::string& word) {
    absl::StrAppend(out, Quoted(word));
  };
  return absl::StrCat(
      "#!/bin/sh\n"
      "# One supervisor on each host; where one ends with an error, the others "
      "end.\n"
      "# SIGTERM is theirs: ranks write a checkpoint and stop.\n"
      "trap '' TERM\n",
      Quoted(srun), " --kill-on-bad-exit=1 --label --cpus-per-task=",
      CpusPerNode(request, job), " \\\n  ",
      absl::StrJoin(SuperviseOnEachHost(context, request, job, folder), " ",
                    quote),
      "\n");
}

std::vector<std::string> ExportedNames(const char* const* environment) {
  std::set<std::string> names;
  for (; *environment != nullptr; ++environment) {
    const absl::string_view entry = *environment;
    const absl::string_view name = entry.substr(0, entry.find('='));
    // A comma would begin another name.
    if (absl::StartsWith(name, "NCCL_") && !absl::StrContains(name, ',')) {
      names.emplace(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace lockstep
