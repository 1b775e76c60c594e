#ifndef LOCKSTEP_SERVER_SCHEDULER_STEP_H_
#define LOCKSTEP_SERVER_SCHEDULER_STEP_H_

// Every decision of the coordinator, as one function without threads, clock,
// randomness or I/O: Step(state, event, now) changes the state and says what is
// to be made durable and what is to be done once it is. scheduler.h runs it;
// the simulation test runs the same one.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/v1/job_service.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/launcher/launcher.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/actor.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/scheduler/rank_watch.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/scheduler_state.h"
#include "server/store/job_store.h"

namespace lockstep {

// --- What happens ---

// Names the caller who waits for an answer.
using Ticket = int64_t;

struct CreateEvent {
  Ticket ticket = 0;
  Scheduler::CreateJob request;
};
struct CancelEvent {
  Ticket ticket = 0;
  std::string name;
  std::string etag;  // May be empty.
};
struct PauseEvent {
  Ticket ticket = 0;
  std::string name;
  std::string etag;  // May be empty.
};
struct ResumeEvent {
  Ticket ticket = 0;
  std::string name;
  std::string etag;  // May be empty.
};
struct ExplainEvent {
  Ticket ticket = 0;
  std::string name;
};
struct UpdateEvent {
  Ticket ticket = 0;
  Scheduler::UpdateJob request;
};
struct DeleteEvent {
  Ticket ticket = 0;
  std::string name;
  std::string etag;  // May be empty.
};
// From now on nothing new starts, and what trains stops with a checkpoint
// unless it is let run; or that is over.
struct DrainEvent {
  Ticket ticket = 0;
  bool drain = true;
  bool let_run = false;
};
// From now on a device is given to no job; or that is over.
struct DrainDeviceEvent {
  Ticket ticket = 0;
  std::string device;
  bool drain = true;
  std::string reason;
};
struct PreparedEvent {
  Ticket ticket = 0;
  worker::v1::ReportPreparedRequest report;
};
struct AttachedEvent {
  Ticket ticket = 0;
  worker::v1::AttachRequest report;
};
struct ReportedEvent {
  worker::v1::Caller caller;
  std::optional<v1::Progress> progress;
  std::optional<worker::v1::RankFailure> failure;
  std::vector<v1::Event> events;
};
// A heartbeat that says something new.
struct HeardEvent {
  worker::v1::Caller caller;
  int64_t step = 0;
  worker::v1::Phase phase = worker::v1::PHASE_UNSPECIFIED;
  std::vector<worker::v1::PhaseTime> other_phases = {};
};
// What the watch over the ranks has found.
struct SilenceEvent {
  SilenceFound found;
};
struct HangEvent {
  HangFound found;
};
struct SlowEvent {
  SlowFound found;
};
struct CheckpointEvent {
  Ticket ticket = 0;
  worker::v1::Caller caller;
  v1::Checkpoint checkpoint;
  worker::v1::CommitCheckpointRequest::Phase phase =
      worker::v1::CommitCheckpointRequest::PHASE_UNSPECIFIED;
};
// A user's word on a listed one.
struct PinEvent {
  Ticket ticket = 0;
  std::string job;
  int64_t step = 0;
  bool pinned = true;
};
struct RendezvousEvent {
  Rendezvous::Outcome outcome;
};
// The launcher's answer to an effect.
struct LaunchedEvent {
  AttemptRef attempt;
  absl::StatusOr<server::ProcessRecord> process;
};
struct ProcessEndEvent {
  ProcessEnd end;
};
// Devices that others use, by id, each with how. Comes again and again.
struct ForeignUseEvent {
  std::map<std::string, std::string> uses;
};
// What an engine that places attempts says.
struct EngineEvent {
  EngineNews news;
};
struct EngineReachEvent {
  EngineReach reach;
};
struct CreateQueueEvent {
  Ticket ticket = 0;
  v1::Queue queue;  // Valid.
};
struct UpdateQueueEvent {
  Ticket ticket = 0;
  Scheduler::QueueUpdate request;
};
struct DeleteQueueEvent {
  Ticket ticket = 0;
  std::string name;
};
struct ListQueuesEvent {
  Ticket ticket = 0;
};
// Once after a restart: opens again what lives.
struct RestoreEvent {};
// A few times a second.
struct TickEvent {};

inline SilenceEvent EventOf(SilenceFound found) { return {std::move(found)}; }
inline HangEvent EventOf(HangFound found) { return {std::move(found)}; }
inline SlowEvent EventOf(SlowFound found) { return {std::move(found)}; }

struct Event {
  std::variant<CreateEvent, CancelEvent, PauseEvent, ResumeEvent, ExplainEvent,
               UpdateEvent, DeleteEvent, DrainEvent, DrainDeviceEvent,
               PreparedEvent, AttachedEvent, ReportedEvent, HeardEvent,
               SilenceEvent, HangEvent, SlowEvent, CheckpointEvent, PinEvent,
               RendezvousEvent, LaunchedEvent, ProcessEndEvent, ForeignUseEvent,
               EngineEvent, EngineReachEvent, CreateQueueEvent,
               UpdateQueueEvent, DeleteQueueEvent, ListQueuesEvent,
               RestoreEvent, TickEvent>
      what;
  // 32 unpredictable bytes, of which uids, ids and tokens are made.
  std::string entropy;
  // Who asked for it.
  Actor actor;
};

struct StepTime {
  absl::Duration now;  // Clock::Now
  absl::Time wall;
};

// --- What follows, in this order, once the write is on disk ---

struct ReplyEffect {
  Ticket ticket = 0;
  absl::StatusOr<SharedJob> job;
};
struct ExplainEffect {
  Ticket ticket = 0;
  absl::StatusOr<v1::JobExplanation> explanation;
};
struct QueueEffect {
  Ticket ticket = 0;
  absl::StatusOr<v1::Queue> queue;
};
struct QueuesEffect {
  Ticket ticket = 0;
  v1::ListQueuesResponse queues;
};
struct AckEffect {
  Ticket ticket = 0;
  absl::Status status;
};
// The attempt may call from now on.
struct PutTokenEffect {
  std::string digest;
  AttemptRef attempt;
};
struct OpenRendezvousEffect {
  AttemptRef attempt;
  int world_size = 0;
  bool joined_before = false;
  // Its ranks are waited for only once they are started.
  bool waits_for_engine = false;
};
// Its ranks are being started: from now on they are waited for.
struct StartRendezvousEffect {
  AttemptRef attempt;
};
struct LaunchEffect {
  LaunchRequest request;
};
// All ranks have joined; they may go on.
struct WelcomeEffect {
  AttemptRef attempt;
  int world_size = 0;
};
struct SignalEffect {
  AttemptRef attempt;
  bool kill = false;
};
// What ranks and supervisors of the attempt are told from now on; with
// `checkpoint` the ranks alone.
struct StopCommandEffect {
  AttemptRef attempt;
  bool checkpoint = false;
  // What supervisors give their ranks before they kill them.
  absl::Duration grace = absl::ZeroDuration();
};
// Its token and its rendezvous are gone; its processes are strangers.
struct CloseEffect {
  AttemptRef attempt;
};
struct ProgressEffect {
  std::string name;
  v1::Progress progress;
};
// Where its time went, and what goes on.
struct GoodputEffect {
  std::string name;
  v1::Goodput goodput;
  server::TimeAccount account;
};

// Nothing of a deleted job is wanted any more.
struct RemoveFilesEffect {
  std::string job_uid;
};

using Effect =
    std::variant<ReplyEffect, ExplainEffect, QueueEffect, QueuesEffect,
                 AckEffect, PutTokenEffect, OpenRendezvousEffect,
                 StartRendezvousEffect, LaunchEffect, WelcomeEffect,
                 SignalEffect, StopCommandEffect, CloseEffect, ProgressEffect,
                 GoodputEffect, RemoveFilesEffect>;

struct StepResult {
  StoreWrite write;  // May be empty.
  std::vector<Effect> effects;
};

// Takes from the event what it keeps.
StepResult Step(SchedulerState& state, Event event, StepTime time);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_STEP_H_
