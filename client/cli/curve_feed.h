#ifndef LOCKSTEP_CLIENT_CLI_CURVE_FEED_H_
#define LOCKSTEP_CLIENT_CLI_CURVE_FEED_H_

// The metric points of several jobs as they come, read on a thread for each
// job, until all have ended.

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/metric_curves.h"
#include "client/cli/plot.h"
#include "client/job_client.h"

namespace lockstep::cli {

class CurveFeed {
 public:
  // Reads what is there and, with `follow`, what comes. `on_end` is called by
  // one of the threads when all is read, or when a job cannot be read.
  CurveFeed(JobClient client, const std::vector<std::string>& ids, bool follow,
            std::function<void()> on_end);
  // Ends all calls of the client and its copies.
  ~CurveFeed();
  CurveFeed(const CurveFeed&) = delete;
  CurveFeed& operator=(const CurveFeed&) = delete;

  void AwaitEnd();
  // Whether all is read, or one cannot be.
  bool HasEnded() const;

  // As it is now; jobs count from 0.
  std::vector<std::string> Keys(size_t job) const;
  std::vector<PlotPoint> Curve(size_t job, const std::string& key) const;
  // Why the reading of the job ended too early; OK when it did not.
  absl::Status StatusOf(size_t job) const;

 private:
  struct Job {
    MetricCurves curves;
    absl::Status status;
  };

  void Read(const std::string& id, size_t job, bool follow);
  bool IsOver() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return reading_ == 0 || failed_;
  }

  JobClient client_;
  const std::function<void()> on_end_;
  mutable absl::Mutex mu_;
  std::vector<Job> jobs_ ABSL_GUARDED_BY(mu_);
  size_t reading_ ABSL_GUARDED_BY(mu_);
  bool failed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_CURVE_FEED_H_
