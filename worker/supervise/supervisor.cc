#include "worker/supervise/supervisor.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/status_macros.h"
#include "worker/supervise/attach_client.h"
#include "worker/supervise/cpu_binding.h"
#include "worker/supervise/exit_file.h"
#include "worker/supervise/rank_command.h"
#include "worker/supervise/rank_gang.h"

namespace lockstep {
namespace {

absl::Status CheckOptions(const SuperviseOptions& options) {
  if (options.ranks.empty() || options.ranks.size() != options.devices.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--ranks names ", options.ranks.size(), " ranks and --devices ",
        options.devices.size(), " devices; one device a rank, at least one"));
  }
  return absl::OkStatus();
}

std::vector<RankGang::Rank> Ranks(const SuperviseOptions& options) {
  std::vector<CpuSet> cpus(options.ranks.size());
  if (options.cpu_binding) {
    cpus = CpusOfRanks(ReadCpuTopology(), AllowedCpus(), options.devices);
  }
  std::vector<RankGang::Rank> ranks;
  for (size_t i = 0; i < options.ranks.size(); ++i) {
    ranks.push_back({.rank = options.ranks[i],
                     .argv = RankCommand(options, i),
                     .log_path = RankLogPath(options, i),
                     .cpus = cpus[i]});
  }
  return ranks;
}

// That of a rank which failed by itself, before one that lost its peer or was
// asked to stop.
int ExitCodeOf(const std::vector<worker::v1::RankProcess>& ends) {
  int code = kOk;
  for (const worker::v1::RankProcess& rank : ends) {
    if (rank.signal() == 0 && rank.exit_code() == kOk) continue;
    const int own = rank.signal() != 0 ? kFailure : rank.exit_code();
    const bool follows = own == kPeerLost || own == kStopped;
    if (!follows && !rank.asked_to_stop()) return own;
    code = own;
  }
  return code;
}

}  // namespace

absl::StatusOr<int> Supervise(const SuperviseOptions& options,
                              int terminate_fd) {
  RETURN_IF_ERROR(CheckOptions(options));
  // Gang and client know each other; the client, which has threads, goes first
  // when both end.
  std::unique_ptr<AttachClient> client;
  RankGang gang(Ranks(options),
                {.peer_grace = options.peer_grace,
                 .terminate_fd = terminate_fd,
                 .terminate_grace = options.stop_grace},
                [&client](const std::vector<worker::v1::RankProcess>& ranks) {
                  client->Update(ranks, /*ended=*/false);
                });
  ASSIGN_OR_RETURN(
      client,
      AttachClient::Create(
          options,
          {.on_stop = [&](absl::Duration grace) { gang.RequestStop(grace); },
           .on_kill = [&] { gang.RequestKill(); },
           // A rank of an attempt that has ended writes nothing more.
           .on_superseded = [&] { gang.RequestKill(); }}));

  const std::vector<worker::v1::RankProcess> ends = gang.Run();
  // The file first: from here on the end is never lost.
  absl::Status written =
      WriteExitFile(options.attempt_dir, options.exit_file, ends);
  client->Update(ends, /*ended=*/true);
  const bool recorded = client->WaitEndRecorded(options.end_wait);
  client.reset();
  if (!recorded && !written.ok()) return written;
  return options.ends_like_ranks ? ExitCodeOf(ends) : kOk;
}

}  // namespace lockstep
