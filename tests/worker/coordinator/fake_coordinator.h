#ifndef LOCKSTEP_TESTS_WORKER_COORDINATOR_FAKE_COORDINATOR_H_
#define LOCKSTEP_TESTS_WORKER_COORDINATOR_FAKE_COORDINATOR_H_

// A coordinator in memory, shared by the ranks of a test: keys, points,
// commands and checkpoints, and switches to make it misbehave. Thread-safe.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/contract/errors.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

class FakeCoordinator : public Coordinator {
 public:
  using Command = worker::v1::HeartbeatResponse::Command;

  // What Join answers.
  worker::v1::JoinResponse join_response;
  // Sees each call that is answered with OK, before it has an effect.
  std::function<void(worker::v1::CommitCheckpointRequest::Phase phase,
                     const v1::Checkpoint& checkpoint)>
      on_checkpoint;
  // Steps that a user wants to stay.
  std::set<int64_t> pinned;

  absl::StatusOr<worker::v1::JoinResponse> Join(const std::string&, int64_t,
                                                const std::string&) override {
    return join_response;
  }

  absl::Status SetKey(absl::string_view key, absl::string_view value) override {
    absl::MutexLock lock(&mu_);
    auto [found, inserted] =
        keys_.emplace(std::string(key), std::string(value));
    return inserted || found->second == value
               ? absl::OkStatus()
               : absl::AlreadyExistsError("another value");
  }

  absl::StatusOr<std::string> WaitKey(absl::string_view key,
                                      absl::Duration timeout) override {
    const std::string name(key);
    absl::MutexLock lock(&mu_);
    auto exists = [this, &name]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return keys_.count(name) > 0;
    };
    if (!mu_.AwaitWithTimeout(absl::Condition(&exists), timeout)) {
      return absl::DeadlineExceededError("no such key: " + name);
    }
    return keys_[name];
  }

  std::unique_ptr<Heartbeats> OpenHeartbeats(
      Heartbeats::Handler handler) override {
    return std::make_unique<Line>(*this, std::move(handler));
  }

  // What a heartbeat is answered with.
  absl::StatusOr<Command> Heartbeat(const worker::v1::HeartbeatRequest& where) {
    absl::MutexLock lock(&mu_);
    if (!answer_.ok()) return answer_;
    ++heartbeats_;
    last_step_ = where.step();
    last_phase_ = where.phase();
    last_other_phases_ = {where.other_phases().begin(),
                          where.other_phases().end()};
    last_collective_ = where.collective();
    if (where.has_gpu()) last_gpu_ = where.gpu();
    return where.step() >= command_from_step_
               ? command_
               : worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED;
  }

  absl::StatusOr<int64_t> Report(worker::v1::ReportRequest request) override {
    absl::MutexLock lock(&mu_);
    if (!answer_.ok()) return answer_;
    if (request.has_failure()) failure_ = request.failure();
    int64_t acknowledged = 0;
    int spans = 0;
    for (const v1::MetricPoint& point : request.points()) {
      spans += point.spans_size();
    }
    most_spans_ = std::max(most_spans_, spans);
    for (const v1::MetricPoint& point : request.points()) {
      int64_t& stored = stored_[{point.attempt(), point.rank()}];
      if (point.seq() > stored) points_.push_back(point);
      stored = std::max(stored, point.seq());
      acknowledged = stored;
    }
    events_.insert(events_.end(), request.events().begin(),
                   request.events().end());
    if (request.has_progress()) {
      progress_ = request.progress();
      if (progress_.step() >= command_from_step_) TellCommand();
    }
    return acknowledged;
  }

  absl::Status CommitCheckpoint(
      worker::v1::CommitCheckpointRequest::Phase phase,
      const v1::Checkpoint& checkpoint) override {
    absl::MutexLock lock(&mu_);
    if (!answer_.ok()) return answer_;
    if (phase == worker::v1::CommitCheckpointRequest::PHASE_UNLIST &&
        pinned.contains(checkpoint.step())) {
      return errors::Error(absl::StatusCode::kFailedPrecondition,
                           "CHECKPOINT_PINNED", "it is pinned");
    }
    if (on_checkpoint) on_checkpoint(phase, checkpoint);
    if (phase == worker::v1::CommitCheckpointRequest::PHASE_COMMIT) {
      checkpoints_.push_back(checkpoint);
    }
    if (phase == worker::v1::CommitCheckpointRequest::PHASE_UNLIST) {
      std::erase_if(checkpoints_, [&](const v1::Checkpoint& listed) {
        return listed.step() == checkpoint.step();
      });
    }
    return absl::OkStatus();
  }

  absl::Status ReportPrepared(const v1::Plan&) override {
    return absl::OkStatus();
  }
  absl::Status ReportPrepareFailed(const v1::JobError&) override {
    return absl::OkStatus();
  }

  // What heartbeats, reports and commits are answered with from now on.
  void SetAnswer(absl::Status answer) {
    absl::MutexLock lock(&mu_);
    answer_ = std::move(answer);
  }
  // From this step on ranks are told `command`: at once, and by every
  // heartbeat.
  void SetCommand(Command command, int64_t from_step) {
    absl::MutexLock lock(&mu_);
    command_ = command;
    command_from_step_ = from_step;
    if (last_step_ >= from_step) TellCommand();
  }
  // As a coordinator does that is restarted.
  void CloseLines(const absl::Status& why) {
    absl::MutexLock lock(&mu_);
    for (Line* line : lines_) line->handler().on_end(why);
  }
  // Waits until `count` heartbeats were answered.
  void AwaitHeartbeats(int64_t count) {
    absl::MutexLock lock(&mu_);
    auto enough = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return heartbeats_ >= count;
    };
    mu_.Await(absl::Condition(&enough));
  }

  // Waits for a heartbeat that says what a GPU is doing.
  worker::v1::GpuReading AwaitGpu() {
    absl::MutexLock lock(&mu_);
    auto told = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return last_gpu_.has_value();
    };
    mu_.Await(absl::Condition(&told));
    return *last_gpu_;
  }

  // Waits until rank 0 has reported this step.
  void AwaitStep(int64_t step) {
    absl::MutexLock lock(&mu_);
    auto reached = [this, step]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return progress_.step() >= step;
    };
    mu_.Await(absl::Condition(&reached));
  }

  // In one report.
  int most_spans() const {
    absl::MutexLock lock(&mu_);
    return most_spans_;
  }
  std::vector<v1::MetricPoint> points() const {
    absl::MutexLock lock(&mu_);
    return points_;
  }
  std::vector<v1::Event> events() const {
    absl::MutexLock lock(&mu_);
    return events_;
  }
  std::vector<v1::Checkpoint> checkpoints() const {
    absl::MutexLock lock(&mu_);
    return checkpoints_;
  }
  v1::Progress progress() const {
    absl::MutexLock lock(&mu_);
    return progress_;
  }
  worker::v1::RankFailure failure() const {
    absl::MutexLock lock(&mu_);
    return failure_;
  }
  worker::v1::Phase last_phase() const {
    absl::MutexLock lock(&mu_);
    return last_phase_;
  }
  std::vector<worker::v1::PhaseTime> last_other_phases() const {
    absl::MutexLock lock(&mu_);
    return last_other_phases_;
  }
  worker::v1::Collective last_collective() const {
    absl::MutexLock lock(&mu_);
    return last_collective_;
  }

  std::optional<worker::v1::GpuReading> last_gpu() const {
    absl::MutexLock lock(&mu_);
    return last_gpu_;
  }

  int64_t heartbeats() const {
    absl::MutexLock lock(&mu_);
    return heartbeats_;
  }

 private:
  class Line final : public Heartbeats {
   public:
    Line(FakeCoordinator& coordinator, Handler handler)
        : coordinator_(coordinator), handler_(std::move(handler)) {
      absl::MutexLock lock(&coordinator_.mu_);
      coordinator_.lines_.insert(this);
    }
    ~Line() override {
      absl::MutexLock lock(&coordinator_.mu_);
      coordinator_.lines_.erase(this);
    }
    void Say(worker::v1::HeartbeatRequest where) override {
      const auto command = coordinator_.Heartbeat(where);
      if (command.ok()) {
        handler_.on_command(*command);
      } else {
        handler_.on_end(command.status());
      }
    }
    const Handler& handler() const { return handler_; }

   private:
    FakeCoordinator& coordinator_;
    const Handler handler_;
  };

  void TellCommand() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (Line* line : lines_) line->handler().on_command(command_);
  }

  mutable absl::Mutex mu_;
  std::set<Line*> lines_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> keys_ ABSL_GUARDED_BY(mu_);
  absl::Status answer_ ABSL_GUARDED_BY(mu_);
  Command command_ ABSL_GUARDED_BY(mu_) =
      worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED;
  int64_t command_from_step_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t heartbeats_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t last_step_ ABSL_GUARDED_BY(mu_) = 0;
  worker::v1::Phase last_phase_ ABSL_GUARDED_BY(mu_) =
      worker::v1::PHASE_UNSPECIFIED;
  std::vector<worker::v1::PhaseTime> last_other_phases_ ABSL_GUARDED_BY(mu_);
  worker::v1::Collective last_collective_ ABSL_GUARDED_BY(mu_);
  std::optional<worker::v1::GpuReading> last_gpu_ ABSL_GUARDED_BY(mu_);
  int most_spans_ ABSL_GUARDED_BY(mu_) = 0;
  // The newest seq by attempt and rank.
  std::map<std::pair<int, int>, int64_t> stored_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::MetricPoint> points_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Event> events_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Checkpoint> checkpoints_ ABSL_GUARDED_BY(mu_);
  v1::Progress progress_ ABSL_GUARDED_BY(mu_);
  worker::v1::RankFailure failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_COORDINATOR_FAKE_COORDINATOR_H_
