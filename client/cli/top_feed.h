#ifndef LOCKSTEP_CLIENT_CLI_TOP_FEED_H_
#define LOCKSTEP_CLIENT_CLI_TOP_FEED_H_

// Asks the coordinator, on a thread of its own, so that `lockstep top` answers
// keys while a call takes its time.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cli/log_tail.h"
#include "client/cli/top_state.h"
#include "client/cli/top_view.h"
#include "client/job_client.h"

namespace lockstep::cli {

// All jobs that have not ended, the newest that have, and all nodes.
absl::StatusOr<TopNews> FetchTopNews(JobClient& client);

class TopFeed {
 public:
  // `on_news` is called on the feed's thread after each round.
  TopFeed(JobClient client, absl::Duration interval,
          std::function<void()> on_news);
  // Lets go out what was asked, and ends all other calls of the client and its
  // copies.
  ~TopFeed();
  TopFeed(const TopFeed&) = delete;
  TopFeed& operator=(const TopFeed&) = delete;

  // What the next rounds look at; a change starts one at once.
  void Look(const std::string& job, TopPane pane);
  // Asks the coordinator in the next round, which starts at once.
  void Ask(const TopRequest& request);

  // What came since the last call.
  std::optional<TopNews> TakeNews();
  std::optional<std::string> TakeMessage();
  // Of the job that Look named last.
  TopDetails Details();

 private:
  // One job's curve, read on from where the last round stopped.
  struct Curve {
    std::string job;
    std::string cursor;
    std::map<int64_t, double> loss;  // By step; a later attempt's word counts.
  };

  // One job's log, read on like that.
  struct Log {
    std::string job;
    std::string cursor;
    int attempt = 0;  // That the lines are of.
    LogTail lines;
  };

  static Log NewLog(const std::string& job);
  void Run();
  std::optional<TopRequest> NextRequest();
  void AnswerRequests();
  void DoRound();
  TopDetails FetchDetails(const std::string& job, TopPane pane);
  std::vector<std::string> FetchLog(const std::string& job);
  // From where log_ is, or with the last `lines`. False when there are more
  // than `most_bytes`.
  absl::StatusOr<bool> ReadLog(int lines, int64_t most_bytes);
  std::vector<PlotPoint> FetchLoss(const std::string& job);
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stop_ || changed_;
  }
  bool AllAnswered() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return requests_.empty();
  }

  JobClient client_;
  const absl::Duration interval_;
  const std::function<void()> on_news_;
  Curve curve_;  // The thread's own, as the next.
  Log log_;
  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  std::string job_ ABSL_GUARDED_BY(mu_);
  TopPane pane_ ABSL_GUARDED_BY(mu_) = TopPane::kPlot;
  std::deque<TopRequest> requests_ ABSL_GUARDED_BY(mu_);  // Not answered yet.
  std::optional<TopNews> news_ ABSL_GUARDED_BY(mu_);
  std::optional<std::string> message_ ABSL_GUARDED_BY(mu_);
  TopDetails details_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // The last, so that all is there when it starts.
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TOP_FEED_H_
