#include "server/scheduler/scheduler_thread.h"

#include <sys/random.h>

#include <map>

#include "proto/contract/check.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"
#include "server/events/event_log.h"
#include "server/launcher/launcher.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/scheduling_policy.h"

namespace lockstep {
namespace {

absl::Status ShuttingDown() {
  return errors::Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                       "the coordinator is being restarted");
}

}  // namespace

struct SchedulerThread::Pending {
  std::vector<Effect> effects;
  // Set by the store; guarded by Inbox::mu.
  bool done = false;
  absl::StatusOr<std::vector<JournalEntry>> entries =
      std::vector<JournalEntry>();
};

std::string SchedulerThread::Entropy() {
  std::string bytes(32, '\0');
  LOCKSTEP_CHECK(getrandom(bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
  return bytes;
}

SchedulerThread::SchedulerThread(const SchedulerOptions& options,
                                 const Scheduler::Parts& parts)
    : options_(options),
      parts_(parts),
      watch_(options),
      runner_(options, parts_, board_, watch_, callers_,
              [this](LaunchedEvent launched) { Post(std::move(launched)); }) {}

SchedulerThread::~SchedulerThread() {
  {
    absl::MutexLock lock(&inbox_->mu);
    inbox_->stopping = true;
  }
  if (thread_.joinable()) thread_.join();
  callers_.FailAll(ShuttingDown());
}

absl::Status SchedulerThread::Start() {
  RETURN_IF_ERROR(Load());
  RETURN_IF_ERROR(RemoveFilesOfDeleted());
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

absl::Status SchedulerThread::Load() {
  ASSIGN_OR_RETURN(std::vector<JobRow> records, parts_.store.LoadAll());
  std::map<std::string, Checkpoints> listed;
  for (const JobRow& record : records) {
    const v1::Job& job = record->job();
    if (IsTerminal(job.state())) continue;
    ASSIGN_OR_RETURN(Checkpoints checkpoints,
                     parts_.store.ListCheckpoints(job.name()));
    if (!checkpoints.empty()) listed[job.name()] = std::move(checkpoints);
  }
  const StepTime time = Time();
  state_ =
      RestoreState(options_, parts_.policy, DevicePool(parts_.launcher.Nodes()),
                   std::move(records), listed, parts_.store.Coordinator(),
                   parts_.store.Queues(), time.now, time.wall);
  return absl::OkStatus();
}

// What an earlier life deleted and may not have come to remove.
absl::Status SchedulerThread::RemoveFilesOfDeleted() {
  ASSIGN_OR_RETURN(std::vector<std::string> uids, parts_.store.Unforgotten());
  StepResult forget;
  for (std::string& uid : uids) {
    // What cannot be removed now is tried again by the next life.
    if (!parts_.launcher.RemoveFiles(uid).ok()) continue;
    forget.write.forgotten.push_back(std::move(uid));
  }
  Submit(std::move(forget));
  return absl::OkStatus();
}

void SchedulerThread::Listen() {
  parts_.launcher.SetListener([inbox = inbox_](ProcessEnd end) {
    inbox->Post(ProcessEndEvent{std::move(end)});
  });
  parts_.launcher.SetUseListener([inbox = inbox_](ForeignUses uses) {
    inbox->Post(ForeignUseEvent{std::move(uses)});
  });
  parts_.launcher.SetEngineListener(
      [inbox = inbox_](std::variant<EngineNews, EngineReach> said) {
        if (auto* news = std::get_if<EngineNews>(&said)) {
          inbox->Post(EngineEvent{std::move(*news)});
        } else {
          inbox->Post(EngineReachEvent{std::get<EngineReach>(said)});
        }
      });
  parts_.rendezvous.SetListener([inbox = inbox_](Rendezvous::Outcome outcome) {
    inbox->Post(RendezvousEvent{std::move(outcome)});
  });
}

// A process that is gone ends its attempt by what it left; one that lives is
// watched on.
void SchedulerThread::Adopt() {
  for (const auto& [name, entry] : state_.jobs) {
    for (const server::ProcessRecord& process : entry.record->processes()) {
      if (process.ended()) continue;
      ProcessEnd end;
      const absl::Status adopted = parts_.launcher.Adopt(
          {name, process.attempt()}, entry.job().uid(), process, &end);
      if (adopted.ok()) continue;
      end.attempt = {name, process.attempt()};
      Post(ProcessEndEvent{std::move(end)});
    }
  }
}

void SchedulerThread::Run() {
  absl::Duration next_tick = absl::ZeroDuration();
  while (true) {
    std::deque<Event> events = WaitForEvents(options_.tick);
    bool stopping;
    {
      absl::MutexLock lock(&inbox_->mu);
      stopping = inbox_->stopping;
    }
    const bool has_room = HasRoom();
    if (has_room) {
      parts_.clock.Go();
    } else {
      parts_.clock.Stand();
    }
    for (Event& event : events) Decide(std::move(event));
    RunCommitted();
    // Whoever was told nothing yet may have to wait for the disk, not longer,
    // and not for one that is full.
    if (stopping && (pending_.empty() || !has_room)) return;
    if (stopping || parts_.clock.Now() < next_tick) continue;
    next_tick = parts_.clock.Now() + options_.tick;
    Tick();
  }
}

std::deque<Event> SchedulerThread::WaitForEvents(absl::Duration timeout) {
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

bool SchedulerThread::HasRoom() const {
  return parts_.store.CheckRoom(JobStore::Demand::kChange).ok();
}

void SchedulerThread::Tick() {
  parts_.rendezvous.Tick();
  for (WatchFinding& finding : watch_.Look(parts_.clock.Now())) {
    std::visit(
        [this](auto& found) {
          Decide({EventOf(std::move(found)), Entropy()});
        },
        finding);
  }
  Decide({TickEvent{}, Entropy()});
}

void SchedulerThread::Decide(Event event) {
  if (!broken_.ok()) {
    callers_.FailAll(broken_);
    return;
  }
  const bool of_devices = std::holds_alternative<ForeignUseEvent>(event.what);
  Submit(Step(state_, std::move(event), Time()));
  // It changes what is shown of them, and nothing on disk.
  if (of_devices) PublishNodes();
}

void SchedulerThread::Submit(StepResult result) {
  auto pending = std::make_shared<Pending>();
  pending->effects = std::move(result.effects);
  if (result.write.empty()) {
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

void SchedulerThread::RunCommitted() {
  while (!pending_.empty()) {
    std::shared_ptr<Pending> next = pending_.front();
    {
      absl::MutexLock lock(&inbox_->mu);
      if (!next->done) return;
    }
    pending_.pop_front();
    if (broken_.ok()) broken_ = next->entries.status();
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

std::vector<v1::Node> SchedulerThread::Nodes() const {
  absl::MutexLock lock(&nodes_mu_);
  return nodes_;
}

void SchedulerThread::PublishNodes() {
  if (state_.pool.version() == published_version_) return;
  published_version_ = state_.pool.version();
  std::vector<v1::Node> nodes = state_.pool.Nodes();
  absl::MutexLock lock(&nodes_mu_);
  nodes_ = std::move(nodes);
}

}  // namespace lockstep
