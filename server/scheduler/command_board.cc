#include "server/scheduler/command_board.h"

#include "server/scheduler/proto_time.h"

namespace lockstep {

struct CommandBoard::Subscribers {
  absl::Mutex mu;
  int64_t next_id ABSL_GUARDED_BY(mu) = 0;
  std::map<Key, std::map<int64_t, std::function<void()>>> by_attempt
      ABSL_GUARDED_BY(mu);
};

class CommandBoard::Subscription : public Scheduler::CommandSubscription {
 public:
  Subscription(std::shared_ptr<Subscribers> subscribers, Key key, int64_t id)
      : subscribers_(std::move(subscribers)), key_(std::move(key)), id_(id) {}

  ~Subscription() override {
    absl::MutexLock lock(&subscribers_->mu);
    auto found = subscribers_->by_attempt.find(key_);
    found->second.erase(id_);
    if (found->second.empty()) subscribers_->by_attempt.erase(found);
  }

 private:
  const std::shared_ptr<Subscribers> subscribers_;
  const Key key_;
  const int64_t id_;
};

CommandBoard::CommandBoard() : subscribers_(std::make_shared<Subscribers>()) {}

void CommandBoard::Stop(const AttemptRef& attempt, absl::Duration grace) {
  {
    absl::MutexLock lock(&mu_);
    stopping_[KeyOf(attempt)] = {.grace = grace};
  }
  Wake(attempt);
}

void CommandBoard::StopWithCheckpoint(const AttemptRef& attempt) {
  {
    absl::MutexLock lock(&mu_);
    stopping_[KeyOf(attempt)] = {.checkpoint = true};
  }
  Wake(attempt);
}

void CommandBoard::Remove(const AttemptRef& attempt) {
  {
    absl::MutexLock lock(&mu_);
    stopping_.erase(KeyOf(attempt));
  }
  Wake(attempt);
}

void CommandBoard::Wake(const AttemptRef& attempt) {
  absl::MutexLock lock(&subscribers_->mu);
  const auto found = subscribers_->by_attempt.find(KeyOf(attempt));
  if (found == subscribers_->by_attempt.end()) return;
  for (const auto& [id, wake] : found->second) wake();
}

worker::v1::HeartbeatResponse::Command CommandBoard::ForRank(
    const AttemptRef& attempt) const {
  absl::MutexLock lock(&mu_);
  const auto found = stopping_.find(KeyOf(attempt));
  if (found == stopping_.end()) {
    return worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED;
  }
  return found->second.checkpoint
             ? worker::v1::HeartbeatResponse::CHECKPOINT_AND_STOP
             : worker::v1::HeartbeatResponse::STOP;
}

worker::v1::AttachResponse CommandBoard::ForSupervisor(
    const AttemptRef& attempt) const {
  worker::v1::AttachResponse response;
  absl::MutexLock lock(&mu_);
  const auto found = stopping_.find(KeyOf(attempt));
  if (found != stopping_.end() && !found->second.checkpoint) {
    response.set_command(worker::v1::AttachResponse::STOP);
    *response.mutable_grace() = ToProto(found->second.grace);
  }
  return response;
}

std::unique_ptr<Scheduler::CommandSubscription> CommandBoard::Subscribe(
    const AttemptRef& attempt, std::function<void()> wake) {
  absl::MutexLock lock(&subscribers_->mu);
  const int64_t id = subscribers_->next_id++;
  subscribers_->by_attempt[KeyOf(attempt)][id] = std::move(wake);
  return std::make_unique<Subscription>(subscribers_, KeyOf(attempt), id);
}

}  // namespace lockstep
