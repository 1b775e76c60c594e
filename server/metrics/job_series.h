#ifndef LOCKSTEP_SERVER_METRICS_JOB_SERIES_H_
#define LOCKSTEP_SERVER_METRICS_JOB_SERIES_H_

// The series of one job: each appears with its first value, and all go with
// this object. Of ServerMetrics, under its lock.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/metrics/metric_families.h"

namespace lockstep {

class ServerMetrics::JobSeries {
 public:
  JobSeries(Families& families, const v1::Job& job);
  ~JobSeries();
  JobSeries(const JobSeries&) = delete;
  JobSeries& operator=(const JobSeries&) = delete;

  // What the job is now.
  void SetJob(const v1::Job& job);
  // Its newest one.
  void SetCheckpoint(const v1::Checkpoint& checkpoint);
  // Points of rank 0 in `attempt` of `job`, in the order of seq.
  void TakePoints(const v1::Job& job, int attempt,
                  const std::vector<const v1::MetricPoint*>& points,
                  absl::Time now);

 private:
  // Whether this point was never counted: a rank may send it again.
  bool IsNew(int attempt, const v1::MetricPoint& point);
  // How many steps it tells of: those since the one logged before it.
  int64_t StepsOf(const v1::Job& job, int attempt,
                  const v1::MetricPoint& point);
  // The newest value that any of the points has by this name.
  void SetNewest(Families::Gauges& family, const std::string& name,
                 const std::vector<const v1::MetricPoint*>& points);
  void CountStep(const v1::MetricPoint& point, int64_t steps, absl::Time now);
  // What is not only told with steps.
  void CountPauses(const v1::MetricPoint& point);

  void Set(Families::Gauges& family, double value);
  // Nothing where the value is no number, or less than 0.
  void Count(Families::Counters& family, double value);
  void CountPhase(const std::string& phase, double seconds);
  void Observe(Families::Histograms& family, const Families::Buckets& buckets,
               double value);

  template <typename Metric, typename... Args>
  Metric& Add(prometheus::Family<Metric>& family,
              const prometheus::Labels& labels, const Args&... args);

  Families& families_;
  const prometheus::Labels labels_;
  // Only of the state that it is in.
  prometheus::Gauge* state_ = nullptr;
  v1::Job::State shown_state_ = v1::Job::STATE_UNSPECIFIED;
  std::map<Families::Gauges*, prometheus::Gauge*> gauges_;
  std::map<Families::Counters*, prometheus::Counter*> counters_;
  std::map<std::string, prometheus::Counter*> phases_;
  std::map<Families::Histograms*, prometheus::Histogram*> histograms_;
  std::pair<int, int64_t> newest_ = {0, 0};  // (attempt, seq)
  std::pair<int, int64_t> logged_ = {0, 0};  // (attempt, step)
  std::vector<std::function<void()>> removals_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_JOB_SERIES_H_
