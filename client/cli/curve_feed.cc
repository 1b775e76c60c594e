#include "client/cli/curve_feed.h"

#include <utility>

namespace lockstep::cli {

CurveFeed::CurveFeed(JobClient client, const std::vector<std::string>& ids,
                     bool follow, std::function<void()> on_end)
    : client_(std::move(client)),
      on_end_(std::move(on_end)),
      jobs_(ids.size()),
      reading_(ids.size()) {
  threads_.reserve(ids.size());
  for (size_t job = 0; job < ids.size(); ++job) {
    threads_.emplace_back(
        [this, id = ids[job], job, follow] { Read(id, job, follow); });
  }
}

CurveFeed::~CurveFeed() {
  bool is_reading = false;
  {
    absl::MutexLock lock(&mu_);
    is_reading = reading_ > 0;
  }
  if (is_reading) client_.Interrupt();
  for (std::thread& thread : threads_) thread.join();
}

void CurveFeed::Read(const std::string& id, size_t job, bool follow) {
  JobClient client = client_;
  absl::Status status =
      client.Metrics(id, follow, [this, job](const v1::MetricPoint& point) {
        absl::MutexLock lock(&mu_);
        jobs_[job].curves.Add(point);
      });
  bool is_over = false;
  {
    absl::MutexLock lock(&mu_);
    --reading_;
    failed_ = failed_ || !status.ok();
    jobs_[job].status = std::move(status);
    is_over = IsOver();
  }
  if (is_over) on_end_();
}

void CurveFeed::AwaitEnd() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &CurveFeed::IsOver));
}

bool CurveFeed::HasEnded() const {
  absl::MutexLock lock(&mu_);
  return IsOver();
}

std::vector<std::string> CurveFeed::Keys(size_t job) const {
  absl::MutexLock lock(&mu_);
  return jobs_[job].curves.Keys();
}

std::vector<PlotPoint> CurveFeed::Curve(size_t job,
                                        const std::string& key) const {
  absl::MutexLock lock(&mu_);
  return jobs_[job].curves.Curve(key);
}

absl::Status CurveFeed::StatusOf(size_t job) const {
  absl::MutexLock lock(&mu_);
  return jobs_[job].status;
}

}  // namespace lockstep::cli
