#include "server/scheduler/scheduler.h"

#include <sys/random.h>

#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/contract/check.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"
#include "server/clock.h"
#include "server/events/event_log.h"
#include "server/launcher/launcher.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/command_board.h"
#include "server/scheduler/effect_runner.h"
#include "server/scheduler/scheduler_options.h"
#include "server/scheduler/scheduling_policy.h"
#include "server/scheduler/step.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

std::string Entropy() {
  std::string bytes(32, '\0');
  LOCKSTEP_CHECK(getrandom(bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
  return bytes;
}

// A decision on its way to the disk.
struct Pending {
  std::vector<Effect> effects;
  // Set by the store; guarded by Inbox::mu.
  bool done = false;
  absl::StatusOr<std::vector<JournalEntry>> entries =
      std::vector<JournalEntry>();
};

// Where other threads leave work. Shared with the callbacks that the store,
// the launcher and the rendezvous hold: they may outlive the scheduler.
struct Inbox {
  absl::Mutex mu;
  std::deque<Event> events ABSL_GUARDED_BY(mu);
  bool committed ABSL_GUARDED_BY(mu) = false;
  bool stopping ABSL_GUARDED_BY(mu) = false;

  void Post(Event event) ABSL_LOCKS_EXCLUDED(mu) {
    absl::MutexLock lock(&mu);
    if (!stopping) events.push_back(std::move(event));
  }
};

absl::Status ShuttingDown() {
  return errors::Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                       "the coordinator is being restarted");
}

}  // namespace

class Scheduler::Impl {
 public:
  Impl(const SchedulerOptions& options, Parts parts);
  ~Impl();

  absl::Status Start();

  template <typename Answer, typename What>
  void PostCall(What what, Answer answer);
  void Post(Event event) { inbox_->Post(std::move(event)); }

  std::vector<v1::Node> Nodes() const ABSL_LOCKS_EXCLUDED(nodes_mu_);
  const CommandBoard& board() const { return board_; }
  CommandBoard& board() { return board_; }

 private:
  StepTime Time() const {
    return {parts_.clock.Now(), parts_.clock.WallTime()};
  }
  absl::Status Load();
  void Listen();
  void Adopt();
  void Run();
  std::deque<Event> WaitForEvents(absl::Duration timeout);
  void Tick();
  void Decide(const Event& event);
  void Submit(StepResult result);
  void RunCommitted();
  void PublishNodes() ABSL_LOCKS_EXCLUDED(nodes_mu_);

  const SchedulerOptions options_;
  const Parts parts_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  WaitingCallers callers_;
  CommandBoard board_;
  EffectRunner runner_;

  // Of the scheduler thread alone, once it runs.
  SchedulerState state_;
  std::deque<std::shared_ptr<Pending>> pending_;
  // Set when a commit failed: what is in memory is ahead of the disk.
  absl::Status broken_;

  mutable absl::Mutex nodes_mu_;
  std::vector<v1::Node> nodes_ ABSL_GUARDED_BY(nodes_mu_);

  std::thread thread_;
};

Scheduler::Impl::Impl(const SchedulerOptions& options, Parts parts)
    : options_(options),
      parts_(parts),
      runner_(options, parts, board_, callers_, [this](LaunchedEvent launched) {
        Post({std::move(launched), Entropy()});
      }) {}

Scheduler::Impl::~Impl() {
  {
    absl::MutexLock lock(&inbox_->mu);
    inbox_->stopping = true;
  }
  if (thread_.joinable()) thread_.join();
  callers_.FailAll(ShuttingDown());
}

absl::Status Scheduler::Impl::Start() {
  RETURN_IF_ERROR(Load());
  Listen();
  Adopt();
  // These effects rest on what the disk says already, and are done before
  // anyone may call.
  StepResult restored = Step(state_, {RestoreEvent{}, Entropy()}, Time());
  runner_.Run(std::exchange(restored.effects, {}));
  Submit(std::move(restored));
  PublishNodes();
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status Scheduler::Impl::Load() {
  ASSIGN_OR_RETURN(std::vector<server::JobRecord> records,
                   parts_.store.LoadAll());
  std::map<std::string, v1::Checkpoint> newest;
  for (const server::JobRecord& record : records) {
    if (IsTerminal(record.job().state())) continue;
    ASSIGN_OR_RETURN(std::vector<v1::Checkpoint> checkpoints,
                     parts_.store.ListCheckpoints(record.job().name()));
    if (!checkpoints.empty()) newest[record.job().name()] = checkpoints.back();
  }
  const StepTime time = Time();
  state_ =
      RestoreState(options_, parts_.policy, DevicePool(parts_.launcher.Nodes()),
                   std::move(records), newest, time.now, time.wall);
  return absl::OkStatus();
}

void Scheduler::Impl::Listen() {
  parts_.launcher.SetListener([inbox = inbox_](ProcessEnd end) {
    inbox->Post({ProcessEndEvent{std::move(end)}, Entropy()});
  });
  parts_.rendezvous.SetListener([inbox = inbox_](Rendezvous::Outcome outcome) {
    inbox->Post({RendezvousEvent{std::move(outcome)}, Entropy()});
  });
}

// A process that is gone ends its attempt by what it left; one that lives is
// watched on.
void Scheduler::Impl::Adopt() {
  for (const auto& [name, entry] : state_.jobs) {
    for (const server::ProcessRecord& process : entry.record.processes()) {
      if (process.ended()) continue;
      ProcessEnd end;
      const absl::Status adopted = parts_.launcher.Adopt(
          {name, process.attempt()}, entry.job().uid(), process, &end);
      if (adopted.ok()) continue;
      end.attempt = {name, process.attempt()};
      Post({ProcessEndEvent{std::move(end)}, Entropy()});
    }
  }
}

void Scheduler::Impl::Run() {
  absl::Duration next_tick = absl::ZeroDuration();
  while (true) {
    std::deque<Event> events = WaitForEvents(options_.tick);
    bool stopping;
    {
      absl::MutexLock lock(&inbox_->mu);
      stopping = inbox_->stopping;
    }
    for (const Event& event : events) Decide(event);
    RunCommitted();
    // Whoever was told nothing yet may have to wait for the disk, not longer.
    if (stopping && pending_.empty()) return;
    if (stopping || parts_.clock.Now() < next_tick) continue;
    next_tick = parts_.clock.Now() + options_.tick;
    Tick();
  }
}

std::deque<Event> Scheduler::Impl::WaitForEvents(absl::Duration timeout) {
  absl::MutexLock lock(&inbox_->mu);
  const auto work = [inbox = inbox_.get(), this]()
                        ABSL_SHARED_LOCKS_REQUIRED(inbox_->mu) {
                          return !inbox->events.empty() || inbox->committed ||
                                 (inbox->stopping && pending_.empty());
                        };
  inbox_->mu.AwaitWithTimeout(absl::Condition(&work), timeout);
  inbox_->committed = false;
  return std::exchange(inbox_->events, {});
}

void Scheduler::Impl::Tick() {
  parts_.rendezvous.Tick();
  Decide({TickEvent{}, Entropy()});
}

void Scheduler::Impl::Decide(const Event& event) {
  if (!broken_.ok()) {
    callers_.FailAll(broken_);
    return;
  }
  Submit(Step(state_, event, Time()));
}

void Scheduler::Impl::Submit(StepResult result) {
  auto pending = std::make_shared<Pending>();
  pending->effects = std::move(result.effects);
  const bool durable = !result.write.jobs.empty() ||
                       !result.write.events.empty() ||
                       !result.write.checkpoints.empty();
  if (!durable) {
    if (pending->effects.empty()) return;
    // It may rest on decisions that are still on their way to the disk.
    pending->done = true;
    pending_.push_back(std::move(pending));
    return;
  }
  PublishNodes();
  pending_.push_back(pending);
  parts_.store.Commit(std::move(result.write),
                      [pending, inbox = inbox_](
                          absl::StatusOr<std::vector<JournalEntry>> entries) {
                        absl::MutexLock lock(&inbox->mu);
                        pending->entries = std::move(entries);
                        pending->done = true;
                        inbox->committed = true;
                      });
}

void Scheduler::Impl::RunCommitted() {
  while (!pending_.empty()) {
    std::shared_ptr<Pending> next = pending_.front();
    {
      absl::MutexLock lock(&inbox_->mu);
      if (!next->done) return;
    }
    pending_.pop_front();
    if (broken_.ok() && !next->entries.ok()) {
      broken_ = errors::StoreUnavailable(next->entries.status().message());
    }
    if (!broken_.ok()) {
      // Not on disk: nothing of it happens, and all who wait are told.
      callers_.FailAll(broken_);
      continue;
    }
    if (!next->entries->empty()) {
      parts_.events.Publish(*std::move(next->entries));
    }
    runner_.Run(std::move(next->effects));
  }
}

std::vector<v1::Node> Scheduler::Impl::Nodes() const {
  absl::MutexLock lock(&nodes_mu_);
  return nodes_;
}

void Scheduler::Impl::PublishNodes() {
  std::vector<v1::Node> nodes = state_.pool.Nodes();
  absl::MutexLock lock(&nodes_mu_);
  nodes_ = std::move(nodes);
}

template <typename Answer, typename What>
void Scheduler::Impl::PostCall(What what, Answer answer) {
  what.ticket = callers_.Add(std::move(answer));
  Post({std::move(what), Entropy()});
}

Scheduler::Scheduler(const SchedulerOptions& options, Parts parts)
    : impl_(std::make_unique<Impl>(options, parts)) {}

Scheduler::~Scheduler() = default;

absl::Status Scheduler::Start() { return impl_->Start(); }

void Scheduler::Create(CreateJob request, Reply<v1::Job> reply) {
  impl_->PostCall(CreateEvent{0, std::move(request)}, std::move(reply));
}

void Scheduler::Cancel(std::string name, Reply<v1::Job> reply) {
  impl_->PostCall(CancelEvent{0, std::move(name)}, std::move(reply));
}

void Scheduler::Prepared(worker::v1::ReportPreparedRequest report, Ack ack) {
  impl_->PostCall(PreparedEvent{0, std::move(report)}, std::move(ack));
}

void Scheduler::SupervisorAttached(worker::v1::AttachRequest report, Ack ack) {
  impl_->PostCall(AttachedEvent{0, std::move(report)}, std::move(ack));
}

void Scheduler::Reported(worker::v1::Caller caller, v1::Progress progress,
                         bool has_progress, worker::v1::RankFailure failure,
                         bool has_failure, std::vector<v1::Event> events) {
  ReportedEvent report{.caller = std::move(caller),
                       .progress = std::nullopt,
                       .failure = std::nullopt,
                       .events = std::move(events)};
  if (has_progress) report.progress = std::move(progress);
  if (has_failure) report.failure = std::move(failure);
  impl_->Post({std::move(report), Entropy()});
}

void Scheduler::CheckpointGrant(worker::v1::Caller caller,
                                v1::Checkpoint checkpoint, Ack ack) {
  impl_->PostCall(CheckpointEvent{0, std::move(caller), std::move(checkpoint),
                                  /*commit=*/false},
                  std::move(ack));
}

void Scheduler::CheckpointCommit(worker::v1::Caller caller,
                                 v1::Checkpoint checkpoint, Ack ack) {
  impl_->PostCall(CheckpointEvent{0, std::move(caller), std::move(checkpoint),
                                  /*commit=*/true},
                  std::move(ack));
}

worker::v1::HeartbeatResponse::Command Scheduler::CommandFor(
    const worker::v1::Caller& caller) const {
  return impl_->board().ForRank({caller.job(), caller.attempt()});
}

worker::v1::AttachResponse Scheduler::SupervisorCommand(
    const worker::v1::Caller& caller) const {
  return impl_->board().ForSupervisor({caller.job(), caller.attempt()});
}

std::unique_ptr<Scheduler::CommandSubscription> Scheduler::SubscribeCommands(
    const worker::v1::Caller& caller, std::function<void()> wake) {
  return impl_->board().Subscribe({caller.job(), caller.attempt()},
                                  std::move(wake));
}

std::vector<v1::Node> Scheduler::Nodes() const { return impl_->Nodes(); }

}  // namespace lockstep
