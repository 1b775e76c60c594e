// What a live attempt spends its time on, as its rank 0 tells. Nothing of it is
// written by itself: it is on disk with the next change of the row, and until
// then the store shows it.

#include "server/scheduler/spending.h"
#include "server/scheduler/step_parts.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

// What its store shows of it is this from now on.
void Show(Decision& decision, const JobEntry& entry) {
  decision.Do(GoodputEffect{entry.job().name(), entry.job().goodput(),
                            entry.record->time_account()});
}

bool GoOnWith(Decision& decision, JobEntry& entry, const Spending& next) {
  const server::TimeAccount& account = entry.record->time_account();
  if (account.class_() == next.what && account.cause() == next.cause) {
    return false;
  }
  SpendOn(entry.record.Mutable(), next, decision.wall());
  return true;
}

// A save of 2 ms between two messages that are 200 ms apart is one of 2 ms.
// Starts are not made of phases.
bool CountOtherPhases(Decision& decision, JobEntry& entry,
                      const HeardEvent& event) {
  bool any = false;
  for (const worker::v1::PhaseTime& time : event.other_phases) {
    const Spending spent = SpendingOf(*entry.record);
    const Spending other = SpendingIn(*entry.record, time.phase(), event.step);
    if (spent.what == v1::Goodput::START || other.what == spent.what) continue;
    CountElsewhere(entry.record.Mutable(), other, time.nanos(),
                   decision.wall());
    any = true;
  }
  return any;
}

}  // namespace

void OnHeard(Decision& decision, const HeardEvent& event) {
  // All ranks do the same, and one of them says what.
  if (event.caller.rank() != 0) return;
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, event.caller.job(), event.caller.attempt());
  if (!found.ok()) return;
  JobEntry& entry = **found;
  const bool counted = CountOtherPhases(decision, entry, event);
  const bool changed = GoOnWith(
      decision, entry, SpendingIn(*entry.record, event.phase, event.step));
  if (counted || changed) Show(decision, entry);
  server::JobRecord& record = entry.record.Mutable();
  if (event.phase == worker::v1::PHASE_TRAINING) {
    record.mutable_time_account()->set_trains(true);
  }
  NoteSign(record, decision.wall());
  if (event.step > record.time_account().step()) {
    NoteStep(record, event.step, decision.wall());
  }
}

void NoteProgress(Decision& decision, JobEntry& entry, int64_t step) {
  const server::TimeAccount& account = entry.record->time_account();
  if (step > 0 && account.class_() == v1::Goodput::START) {
    GoOnWith(decision, entry, {v1::Goodput::TRAIN, "", account.devices()});
    Show(decision, entry);
  }
  NoteStep(entry.record.Mutable(), step, decision.wall());
}

}  // namespace lockstep
