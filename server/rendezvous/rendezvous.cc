#include "server/rendezvous/rendezvous.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/contract/check.h"
#include "proto/contract/errors.h"
#include "server/rendezvous/answers.h"
#include "server/rendezvous/attempt_keys.h"
#include "server/rendezvous/rank_gathering.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

absl::Status ShuttingDown() {
  return errors::Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                       "the coordinator is being restarted");
}

absl::Status Superseded(const AttemptRef& attempt) {
  return errors::AttemptSuperseded(attempt.job, attempt.attempt);
}

AttemptRef RefOf(const worker::v1::Caller& caller) {
  return {caller.job(), caller.attempt()};
}

struct OpenAttempt {
  RankGathering ranks;
  AttemptKeys keys;

  void Fail(const absl::Status& status, Answers& answers) {
    ranks.Fail(status, answers);
    keys.Fail(status, answers);
  }
};

}  // namespace

class Rendezvous::Impl {
 public:
  explicit Impl(const Clock& clock) : clock_(clock) {}

  void SetListener(Listener listener) {
    absl::MutexLock lock(&mu_);
    listener_ = std::move(listener);
  }

  void Open(const AttemptRef& attempt, int world_size, absl::Duration timeout,
            bool joined_before, bool waits_for_engine) {
    absl::MutexLock lock(&mu_);
    const absl::Duration deadline =
        waits_for_engine ? absl::InfiniteDuration() : clock_.Now() + timeout;
    const bool is_new =
        attempts_
            .try_emplace({attempt.job, attempt.attempt},
                         OpenAttempt{RankGathering(attempt, world_size, timeout,
                                                   deadline, joined_before),
                                     AttemptKeys(timeout)})
            .second;
    LOCKSTEP_CHECK(is_new);
  }

  void StartClock(const AttemptRef& attempt) {
    absl::MutexLock lock(&mu_);
    const auto found = attempts_.find({attempt.job, attempt.attempt});
    if (found != attempts_.end()) found->second.ranks.StartClock(clock_.Now());
  }

  void Welcome(const AttemptRef& attempt) {
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const auto found = attempts_.find({attempt.job, attempt.attempt});
      if (found != attempts_.end()) found->second.ranks.Welcome(answers);
    });
  }

  void Close(const AttemptRef& attempt) {
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const auto found = attempts_.find({attempt.job, attempt.attempt});
      if (found == attempts_.end()) return;
      found->second.Fail(Superseded(attempt), answers);
      attempts_.erase(found);
    });
  }

  void Join(const worker::v1::JoinRequest& request, JoinReply reply) {
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const absl::StatusOr<OpenAttempt*> attempt = Find(request.caller());
      if (!attempt.ok()) {
        answers.push_back(
            [reply = std::move(reply), status = attempt.status()]() mutable {
              reply(std::move(status));
            });
        return;
      }
      (*attempt)->ranks.Join(request, std::move(reply), answers);
      TellOutcome(**attempt, answers);
    });
  }

  absl::Status SetKey(const worker::v1::SetKeyRequest& request) {
    absl::Status status;
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const absl::StatusOr<OpenAttempt*> attempt = Find(request.caller());
      status = attempt.ok() ? (*attempt)->keys.Set(request.key(),
                                                   request.value(), answers)
                            : attempt.status();
    });
    return status;
  }

  void WaitKey(const worker::v1::WaitKeyRequest& request, KeyReply reply) {
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const absl::StatusOr<OpenAttempt*> attempt = Find(request.caller());
      if (!attempt.ok()) {
        answers.push_back(
            [reply = std::move(reply), status = attempt.status()]() mutable {
              reply(std::move(status));
            });
        return;
      }
      (*attempt)->keys.Wait(request.key(), clock_.Now(),
                            FromProto(request.timeout()), std::move(reply),
                            answers);
    });
  }

  void Tick() {
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const absl::Duration now = clock_.Now();
      for (auto& [key, attempt] : attempts_) {
        attempt.ranks.Tick(now, answers);
        attempt.keys.Tick(now, answers);
        TellOutcome(attempt, answers);
      }
    });
  }

  void Stop() {
    Locked([&](Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      stopped_ = true;
      for (auto& [key, attempt] : attempts_) {
        attempt.Fail(ShuttingDown(), answers);
      }
    });
  }

 private:
  // Runs `decide` under the lock and then what it decided.
  template <typename Decide>
  void Locked(Decide decide) ABSL_LOCKS_EXCLUDED(mu_) {
    Answers answers;
    {
      absl::MutexLock lock(&mu_);
      decide(answers);
    }
    for (auto& answer : answers) answer();
  }

  absl::StatusOr<OpenAttempt*> Find(const worker::v1::Caller& caller)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (stopped_) return ShuttingDown();
    const auto found = attempts_.find({caller.job(), caller.attempt()});
    if (found == attempts_.end()) return Superseded(RefOf(caller));
    return &found->second;
  }

  void TellOutcome(OpenAttempt& attempt, Answers& answers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::optional<Outcome> outcome = attempt.ranks.TakeOutcome();
    if (!outcome.has_value() || listener_ == nullptr) return;
    answers.push_back(
        [listener = listener_, outcome = *std::move(outcome)]() mutable {
          listener(std::move(outcome));
        });
  }

  const Clock& clock_;
  absl::Mutex mu_;
  Listener listener_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<std::string, int>, OpenAttempt> attempts_
      ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

Rendezvous::Rendezvous(const Clock& clock)
    : impl_(std::make_unique<Impl>(clock)) {}

Rendezvous::~Rendezvous() { Stop(); }

void Rendezvous::SetListener(Listener listener) {
  impl_->SetListener(std::move(listener));
}

void Rendezvous::Open(const AttemptRef& attempt, int world_size,
                      absl::Duration timeout, bool joined_before,
                      bool waits_for_engine) {
  impl_->Open(attempt, world_size, timeout, joined_before, waits_for_engine);
}

void Rendezvous::StartClock(const AttemptRef& attempt) {
  impl_->StartClock(attempt);
}

void Rendezvous::Welcome(const AttemptRef& attempt) { impl_->Welcome(attempt); }

void Rendezvous::Close(const AttemptRef& attempt) { impl_->Close(attempt); }

void Rendezvous::Join(const worker::v1::JoinRequest& request, JoinReply reply) {
  impl_->Join(request, std::move(reply));
}

absl::Status Rendezvous::SetKey(const worker::v1::SetKeyRequest& request) {
  return impl_->SetKey(request);
}

void Rendezvous::WaitKey(const worker::v1::WaitKeyRequest& request,
                         KeyReply reply) {
  impl_->WaitKey(request, std::move(reply));
}

void Rendezvous::Tick() { impl_->Tick(); }

void Rendezvous::Stop() { impl_->Stop(); }

}  // namespace lockstep
