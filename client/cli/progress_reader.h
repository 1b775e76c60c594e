#ifndef LOCKSTEP_CLIENT_CLI_PROGRESS_READER_H_
#define LOCKSTEP_CLIENT_CLI_PROGRESS_READER_H_

// Reads the metrics of a job that goes on, on a thread of its own, and shows
// them. Progress is a courtesy: what goes wrong here, whoever watches the job
// itself will hear of.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "client/cli/command_context.h"
#include "client/cli/progress.h"
#include "client/job_client.h"

namespace lockstep::cli {

class ProgressReader {
 public:
  // The display outlives it.
  ProgressReader(JobClient client, std::string id, ProgressDisplay& display);
  // Waits for the last metrics of a job that has ended, and then interrupts the
  // client.
  ~ProgressReader();

  // Of how many.
  void SetSteps(int64_t steps) { steps_ = steps; }

 private:
  void Read();

  JobClient client_;
  const std::string id_;
  ProgressDisplay& display_;
  std::atomic<int64_t> steps_{0};
  absl::Notification done_;
  std::thread thread_;
};

// What watches a job, and tells both what it sees of it: its lines, and of how
// many steps it is.
using WatchJob = std::function<absl::Status(ProgressDisplay& display,
                                            ProgressReader& metrics)>;

// Runs `watch` beside a reader of the job's metrics, both showing on stderr.
absl::Status WatchWithProgress(const CommandContext& context, JobClient& client,
                               const std::string& id, const WatchJob& watch);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_PROGRESS_READER_H_
