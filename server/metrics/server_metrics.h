#ifndef LOCKSTEP_SERVER_METRICS_SERVER_METRICS_H_
#define LOCKSTEP_SERVER_METRICS_SERVER_METRICS_H_

// Every metric of the coordinator, named and labelled in one place; the
// services and the job feed call it, metrics_exposer.h shows it. Prometheus
// sees a sample of training: exact curves are in the metric log.
//
// Series of a job go away some time after its end, so that their number follows
// the jobs of today and not those of all time. Thread-safe.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/clock.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace lockstep {

struct ServerMetricsOptions {
  // How long the series of an ended job stay: several scrapes.
  absl::Duration keep_ended_jobs = absl::Minutes(15);
};

class ServerMetrics {
 public:
  ServerMetrics(const Clock& clock, ServerMetricsOptions options);
  ~ServerMetrics();

  // A job as it is now.
  void JobSeen(const v1::Job& job);

  // A job is no more.
  void JobDeleted(absl::string_view job_name);

  // How many jobs there are in each state; none is left out that has some.
  std::map<v1::Job::State, int> JobsByState() const;

  // Jobs that have series.
  std::vector<std::string> JobsShown() const;

  // The newest checkpoint of a job.
  void CheckpointListed(absl::string_view job_name,
                        const v1::Checkpoint& checkpoint);

  // Stored points of rank 0 of a job that was seen, in the order of seq. One
  // that comes again, by its attempt and seq, changes nothing.
  void PointsStored(const v1::Job& job, int attempt,
                    const std::vector<const v1::MetricPoint*>& points);

  // A call was answered. `method` is Service/Method, `code` a gRPC code's name.
  void RpcHandled(absl::string_view method, absl::string_view code,
                  absl::Duration duration) ABSL_LOCKS_EXCLUDED(calls_mu_);

  // The store has committed a transaction, or failed to.
  void StoreTransaction(absl::Duration duration);

  // Removes the series of jobs that ended long enough ago.
  void RemoveEnded();

  std::shared_ptr<prometheus::Registry> registry() const;

 private:
  struct Families;
  class JobSeries;
  class JobTally;
  struct SeenJob;

  // To find a series by its labels costs as much as a small call.
  struct MethodSeries {
    prometheus::Histogram* duration = nullptr;
    std::map<std::string, prometheus::Counter*, std::less<>> handled;
  };

  // Null where the job has none.
  JobSeries* SeriesOf(absl::string_view job_name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  const ServerMetricsOptions options_;
  const std::unique_ptr<Families> families_;
  prometheus::Histogram& store_transaction_;

  mutable absl::Mutex mu_;
  // By job name.
  std::map<std::string, SeenJob, std::less<>> jobs_ ABSL_GUARDED_BY(mu_);
  const std::unique_ptr<JobTally> tally_ ABSL_PT_GUARDED_BY(mu_);

  absl::Mutex calls_mu_;
  std::map<std::string, MethodSeries, std::less<>> calls_
      ABSL_GUARDED_BY(calls_mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_SERVER_METRICS_H_
