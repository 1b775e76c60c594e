#ifndef LOCKSTEP_CLIENT_CLI_RANK_LOGS_H_
#define LOCKSTEP_CLIENT_CLI_RANK_LOGS_H_

// lockstep logs NAME --rank all: the logs of all ranks, each line with its
// rank. Followed, they are merged as they come; else they stand one behind the
// other, as their lines carry no time to merge them by.

#include "client/cli/command_context.h"

namespace lockstep::cli {

// `request` without its rank. A rank without a log, or without times when
// those are asked for, is told on stderr; NOT_FOUND when none has one.
absl::Status PrintRankLogs(const CommandContext& context,
                           const v1::StreamLogsRequest& request, int ranks,
                           JobClient& client);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_RANK_LOGS_H_
