#include "worker/train/progress.h"

#include <algorithm>
#include <utility>

#include "proto/contract/monotonic_time.h"
#include "proto/contract/printable.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

// The contract's limit for one Report.
constexpr int kMaxPointsPerReport = 1000;
// Of 20 bytes each at the most: a message is to stay far below gRPC's 4 MiB.
constexpr int kMaxSpansPerReport = 50'000;

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t nanos = absl::ToUnixNanos(time);
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(nanos % 1'000'000'000);
}

}  // namespace

Progress::Progress(Coordinator& coordinator, ProgressOptions options)
    : coordinator_(coordinator),
      options_(options),
      next_heartbeat_(MonotonicNow()),
      heartbeats_(coordinator.OpenHeartbeats(
          {.on_command =
               [this](worker::v1::HeartbeatResponse::Command command) {
                 TakeCommand(command);
               },
           .on_end = [this](const absl::Status& why) { LineClosed(why); }})),
      thread_([this] { Run(); }) {}

Progress::~Progress() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void Progress::SetPhase(worker::v1::Phase phase) {
  absl::MutexLock lock(&mu_);
  if (phase == phase_) return;
  CountPhase();
  phase_ = phase;
  HeartbeatAt(last_heartbeat_ + options_.batch_interval);
}

void Progress::CountPhase() {
  const absl::Time now = MonotonicNow();
  if (phase_ != told_phase_) other_phases_[phase_] += now - phase_since_;
  phase_since_ = now;
}

void Progress::SetStep(int64_t step) {
  absl::MutexLock lock(&mu_);
  step_ = step;
}

void Progress::AddPoint(int64_t step,
                        const std::map<std::string, double>& values,
                        TakenSpans spans) {
  v1::MetricPoint point;
  point.set_attempt(options_.attempt);
  point.set_rank(options_.rank);
  point.set_step(step);
  SetTime(absl::Now(), point.mutable_time());
  point.mutable_values()->insert(values.begin(), values.end());
  if (!spans.spans.empty()) {
    SetTime(spans.begin, point.mutable_spans_time());
    for (v1::Span& span : spans.spans) *point.add_spans() = std::move(span);
  }
  absl::MutexLock lock(&mu_);
  point.set_seq(next_seq_++);
  points_.push_back(std::move(point));
}

void Progress::SetProgress(const v1::Progress& progress) {
  absl::MutexLock lock(&mu_);
  progress_ = progress;
  ++progress_count_;
}

void Progress::AddEvent(v1::Event::Severity severity, std::string type,
                        const std::string& message) {
  v1::Event event;
  event.set_severity(severity);
  event.set_type(std::move(type));
  event.set_message(Printable(message));
  event.set_attempt(options_.attempt);
  absl::MutexLock lock(&mu_);
  events_.push_back(std::move(event));
}

worker::v1::HeartbeatResponse::Command Progress::command() const {
  absl::MutexLock lock(&mu_);
  return command_;
}

int64_t Progress::newest_seq() const {
  absl::MutexLock lock(&mu_);
  return next_seq_ - 1;
}

absl::Status Progress::standing() const {
  absl::MutexLock lock(&mu_);
  return standing_;
}

bool Progress::HasNews() const {
  return !points_.empty() || !events_.empty() || progress_.has_value();
}

bool Progress::Flush(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !HasNews() || !standing_.ok();
  };
  Hurry(absl::Condition(&settled), timeout);
  return !HasNews();
}

absl::Status Progress::FlushPoints(int64_t seq, absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  auto settled = [this, seq]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !Waits(seq) || !standing_.ok();
  };
  Hurry(absl::Condition(&settled), timeout);
  if (!Waits(seq)) return absl::OkStatus();
  return reported_.ok() ? absl::DeadlineExceededError("no answer") : reported_;
}

void Progress::Hurry(const absl::Condition& settled, absl::Duration timeout) {
  ++in_a_hurry_;
  mu_.AwaitWithTimeout(settled, timeout);
  --in_a_hurry_;
}

absl::Status Progress::ReportFailure(v1::Attempt::EndCause cause,
                                     const std::string& message) {
  worker::v1::ReportRequest request;
  request.mutable_failure()->set_cause(cause);
  request.mutable_failure()->set_message(message);
  return coordinator_.Report(std::move(request)).status();
}

void Progress::Run() {
  absl::Time next_report = MonotonicNow();
  bool failing = false;
  while (true) {
    bool report = false;
    bool heartbeat = false;
    {
      absl::MutexLock lock(&mu_);
      auto hurried = [this, failing]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return in_a_hurry_ > 0 && !failing;
      };
      auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || sooner_ || HasNews();
      };
      auto pressed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || sooner_ || hurried();
      };
      sooner_ = false;
      mu_.AwaitWithTimeout(absl::Condition(&has_work),
                           TimeLeft(next_heartbeat_));
      if (HasNews()) {
        mu_.AwaitWithTimeout(absl::Condition(&pressed),
                             TimeLeft(std::min(next_report, next_heartbeat_)));
      }
      if (stopping_) return;
      report = HasNews() && (hurried() || MonotonicNow() >= next_report);
      heartbeat = MonotonicNow() >= next_heartbeat_;
    }
    if (report) {
      failing = !SendReport();
      next_report = MonotonicNow() + (failing ? options_.retry_interval
                                              : options_.batch_interval);
    }
    if (heartbeat) SendHeartbeat();
  }
}

void Progress::HeartbeatAt(absl::Time when) {
  if (when >= next_heartbeat_) return;
  next_heartbeat_ = when;
  sooner_ = true;
}

void Progress::TakeCommand(worker::v1::HeartbeatResponse::Command command) {
  absl::MutexLock lock(&mu_);
  command_ = std::max(command_, command);
}

void Progress::LineClosed(const absl::Status& why) {
  absl::MutexLock lock(&mu_);
  NoteStanding(why);
  line_closed_ = true;
  HeartbeatAt(MonotonicNow() + options_.retry_interval);
}

void Progress::NoteStanding(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status) || absl::IsUnauthenticated(status)) {
    standing_ = FromCoordinator(status);
  }
}

void Progress::SendHeartbeat() {
  worker::v1::HeartbeatRequest where;
  if (options_.collectives != nullptr) {
    if (auto collective = options_.collectives->Get()) {
      *where.mutable_collective() = *std::move(collective);
    }
  }
  if (options_.gpu != nullptr) {
    if (auto reading = options_.gpu->Read()) {
      *where.mutable_gpu() = *std::move(reading);
    }
  }
  {
    absl::MutexLock lock(&mu_);
    where.set_step(step_);
    where.set_phase(phase_);
    CountPhase();
    for (const auto& [phase, time] : other_phases_) {
      worker::v1::PhaseTime& other = *where.add_other_phases();
      other.set_phase(phase);
      other.set_nanos(absl::ToInt64Nanoseconds(time));
    }
    other_phases_.clear();
    told_phase_ = phase_;
    line_closed_ = false;
    last_heartbeat_ = MonotonicNow();
    next_heartbeat_ = last_heartbeat_ + options_.heartbeat_interval;
  }
  heartbeats_->Say(std::move(where));
}

bool Progress::SendReport() {
  worker::v1::ReportRequest request;
  size_t events = 0;
  int64_t progress_count = 0;
  {
    absl::MutexLock lock(&mu_);
    int spans = 0;
    for (const v1::MetricPoint& point : points_) {
      if (request.points_size() == kMaxPointsPerReport) break;
      spans += point.spans_size();
      if (spans > kMaxSpansPerReport && request.points_size() > 0) break;
      *request.add_points() = point;
    }
    for (const v1::Event& event : events_) *request.add_events() = event;
    events = events_.size();
    if (progress_.has_value()) *request.mutable_progress() = *progress_;
    progress_count = progress_count_;
  }
  auto acknowledged = coordinator_.Report(std::move(request));
  absl::MutexLock lock(&mu_);
  NoteStanding(acknowledged.status());
  reported_ = acknowledged.status();
  if (!acknowledged.ok()) return false;
  if (progress_count == progress_count_) progress_.reset();
  while (!points_.empty() && points_.front().seq() <= *acknowledged) {
    points_.pop_front();
  }
  events_.erase(events_.begin(), events_.begin() + events);
  // It has said that the rank lives, and not how its GPU does.
  const bool told = told_phase_ == phase_ && other_phases_.empty();
  if (told && !line_closed_ && options_.gpu == nullptr) {
    next_heartbeat_ = MonotonicNow() + options_.heartbeat_interval;
  }
  return true;
}

}  // namespace lockstep
