#ifndef LOCKSTEP_SERVER_SCHEDULER_STEP_PARTS_H_
#define LOCKSTEP_SERVER_SCHEDULER_STEP_PARTS_H_

// The pieces of Step, one file a topic. Only step.cc and these files use it.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/scheduler/decision.h"

namespace lockstep {

// step_create.cc
void OnCreate(Decision& decision, CreateEvent& event);

// step_cancel.cc
void OnCancel(Decision& decision, const CancelEvent& event);

// step_pause.cc
void OnPause(Decision& decision, const PauseEvent& event);
void OnResume(Decision& decision, const ResumeEvent& event);

// step_stop.cc: how what runs is brought to stop.
// Kills the prepare of a job; its token is worth nothing from now on.
void StopPrepare(Decision& decision, const JobEntry& entry);
// Asks the ranks of a live attempt to stop and sets the deadline of the kill.
void StopAttempt(Decision& decision, JobEntry& entry);
// Asks them to write a checkpoint first, and sets the deadline for it; those
// that have not begun are stopped at once.
void StopWithCheckpoint(Decision& decision, JobEntry& entry, StopOrder order);
// Does so when the time of its attempt is up.
void StopAtTimeLimit(Decision& decision, JobEntry& entry);
// The order under which ranks stop, as it is on disk; none: without one.
std::optional<StopOrder> OrderOnDisk(const JobEntry& entry);
// Whether nothing but that checkpoint is waited for.
bool AwaitsCheckpoint(const JobEntry& entry);
// It did not come in time: the ranks are killed by their supervisor, and that
// itself if it takes too long.
void GiveUpCheckpoint(Decision& decision, JobEntry& entry);

// step_update.cc
void OnUpdate(Decision& decision, const UpdateEvent& event);

// step_delete.cc
void OnDelete(Decision& decision, const DeleteEvent& event);

// step_drain.cc
void OnDrain(Decision& decision, const DrainEvent& event);
// Says of each job that waits that it is the drain which it waits for.
void HoldBack(Decision& decision);

// step_drain_device.cc
void OnDrainDevice(Decision& decision, const DrainDeviceEvent& event);
// The attempt, which has just ended, did so by a fault of these devices: no job
// gets them until somebody says so.
void ExcludeAfterFault(Decision& decision, const JobEntry& entry,
                       const std::string& device);

// step_preempt.cc
// Whether a job may take the devices of the holder.
bool GivesWay(const v1::Job& holder, const v1::Job& taker);
// The first in line finds too few devices: asks those that give way to stop and
// keeps what they free for it, when that makes it fit; whether it does.
bool Preempt(Decision& decision, JobEntry& taker);

// step_queue.cc
void OnCreateQueue(Decision& decision, const CreateQueueEvent& event);
void OnUpdateQueue(Decision& decision, const UpdateQueueEvent& event);
void OnDeleteQueue(Decision& decision, const DeleteQueueEvent& event);
void OnListQueues(Decision& decision, const ListQueuesEvent& event);
// OK, or QUEUE_NOT_FOUND, or NOT_ENOUGH_QUOTA: a job with such demands may be
// of this queue.
absl::Status CheckQueueFor(const SchedulerState& state, const std::string& id,
                           const v1::JobSpec& spec);

// step_usage.cc: the device time that the shares of queues and owners rest on.
// Charges what the jobs of a queue hold up to now.
void ChargeQueue(Decision& decision, const std::string& id);
// All of them, when it is time.
void ChargeAll(Decision& decision);

// step_prepare.cc
void StartPrepare(Decision& decision, JobEntry& entry);
void OnPrepared(Decision& decision, const PreparedEvent& event);
void OnPrepareLaunchFailed(Decision& decision, JobEntry& entry,
                           const absl::Status& why);
void OnPrepareEnd(Decision& decision, JobEntry& entry, const ProcessEnd& end);

// step_attempt.cc: a live attempt.
void StartAttempt(Decision& decision, JobEntry& entry,
                  const std::vector<DevicePlace>& places);
void OnLaunched(Decision& decision, const LaunchedEvent& event);
void OnAttached(Decision& decision, const AttachedEvent& event);
void OnReported(Decision& decision, const ReportedEvent& event);
void OnRendezvous(Decision& decision, const RendezvousEvent& event);
// The entry when this attempt is its job's live one, else ATTEMPT_SUPERSEDED.
absl::StatusOr<JobEntry*> FindLive(Decision& decision, const std::string& job,
                                   int attempt);

// step_engine.cc: an engine that places attempts itself.
void OnEngineNews(Decision& decision, const EngineNews& news);
void OnEngineReach(Decision& decision, const EngineReach& reach);
// Says of each job that waits for devices that the engine does not answer.
void HoldBackForEngine(Decision& decision);
// Its supervisors are being started: deadlines run from now on. Once.
void NoteStarted(Decision& decision, JobEntry& entry,
                 std::optional<absl::Time> told);
// Where a supervisor says that its ranks are.
void LearnNode(Decision& decision, JobEntry& entry,
               const worker::v1::AttachRequest& report);
// Stops an attempt with hosts all of whose ranks are silent: they are lost, if
// others speak, or if that has gone on for too long. Whether it did.
bool LoseSilentNodes(Decision& decision, JobEntry& entry, bool nobody_speaks);
// After a restart: whether this attempt was being stopped for a lost host,
// which is then begun again.
bool StopLostAgain(Decision& decision, JobEntry& entry);
// All ranks are gone, or on hosts that are lost; whether that ends the attempt,
// or the engine's word is waited for.
void EndGang(Decision& decision, JobEntry& entry);
// Ends an attempt whose engine says nothing more; whether it did.
bool EndWithoutEngine(Decision& decision, JobEntry& entry);
// Hosts that an attempt which ended so shows to be avoided.
std::set<std::string> NodesToAvoid(const v1::Attempt& attempt,
                                   const LiveAttempt& live,
                                   const ProcessEnd& end,
                                   v1::Attempt::EndCause cause,
                                   const std::set<int>& faulty_ranks);

// step_end.cc: how an attempt ends, and what follows.
void OnProcessEnd(Decision& decision, const ProcessEndEvent& event);
void EndAttempt(Decision& decision, JobEntry& entry, const ProcessEnd& told);

// step_goodput.cc
void OnHeard(Decision& decision, const HeardEvent& event);
// A report of rank 0 says that so many steps are done.
void NoteProgress(Decision& decision, JobEntry& entry, int64_t step);

// step_hang.cc
// "rank 1 (cpu:1 on here)"
std::string RankInWords(const v1::Attempt& attempt, int rank);
void OnSilence(Decision& decision, const SilenceFound& found);
void OnHang(Decision& decision, const HangFound& hang);
// After a restart: whether this attempt was being killed for a hang, which is
// then begun again.
bool KillHungAgain(Decision& decision, JobEntry& entry);

// step_slow.cc
void OnSlow(Decision& decision, const SlowFound& found);

// step_checkpoint.cc
void OnCheckpoint(Decision& decision, const CheckpointEvent& event);

// step_follow.cc: what the ends of this decision mean for jobs that wait for
// them.
void TellFollowers(Decision& decision);

// step_pin.cc
void OnPin(Decision& decision, const PinEvent& event);

// step_schedule.cc: who goes next, and why the others wait. A reason that is
// known already is no change.
void Wait(Decision& decision, JobEntry& entry, v1::Job::PendingReason reason,
          const std::string& message);
void StartPrepares(Decision& decision);
// Deletes what ended longer ago than options.keep_ended; at a tick.
void ForgetOld(Decision& decision);
void StartAttempts(Decision& decision);

// step_restore.cc
void OnRestore(Decision& decision);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_STEP_PARTS_H_
