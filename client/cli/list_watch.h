#ifndef LOCKSTEP_CLIENT_CLI_LIST_WATCH_H_
#define LOCKSTEP_CLIENT_CLI_LIST_WATCH_H_

// lockstep jobs list -w: behind the list, the row of a job again whenever it
// has changed, until Ctrl-C.

#include <string>
#include <vector>

#include "client/cli/command_context.h"
#include "client/cli/table.h"

namespace lockstep::cli {

// What was listed, and with it what belongs to the list from now on.
struct ShownList {
  std::vector<v1::Job> jobs;
  std::vector<v1::Job::State> states;  // All when empty.
  std::string filter;
};

// Prints rows to `table`, which has printed the list; one JSON object a line
// with -o json. A job that no longer belongs to the list is shown once more as
// it is now.
ExitStatus WatchList(const CommandContext& context, const ShownList& list,
                     Table& table, JobClient& client);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_LIST_WATCH_H_
