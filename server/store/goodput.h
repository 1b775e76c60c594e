#ifndef LOCKSTEP_SERVER_STORE_GOODPUT_H_
#define LOCKSTEP_SERVER_STORE_GOODPUT_H_

// Where the time of a job went: its shares in job.goodput, and the open moment
// in its record. Nothing is written as time goes by: a moment is closed when
// another begins, and who reads adds what is open (GoodputAt).
//
// Each moment from the creation of the job is in one share: all that changes
// the account first closes what is open, up to the same instant. A wall clock
// that is set back stands still until it has caught up.
//
// Pure. The scheduler decides what a moment is (step_goodput.cc); readers only
// look.

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/store/record.pb.h"

namespace lockstep {

// What time is spent on.
struct Spending {
  v1::Goodput::Class what = v1::Goodput::CLASS_UNSPECIFIED;  // On nothing.
  // In UPPER_SNAKE; may be empty.
  std::string cause;
  int devices = 0;
};

// Up to `now` as it was, and from then on `next`.
void SpendOn(server::JobRecord& record, const Spending& next, absl::Time now);

// Of the time up to `now` that is counted as what it is spent on now, so much
// was spent on `other`; no more than there is.
void CountElsewhere(server::JobRecord& record, const Spending& other,
                    int64_t nanos, absl::Time now);

// A new attempt goes on from `step`; what is said of attempts below is of it.
void BeginAttemptAccount(server::JobRecord& record, int64_t step);

// A sign that it goes on: a phase, or a step that was told.
void NoteSign(server::JobRecord& record, absl::Time now);
void NoteStep(server::JobRecord& record, int64_t step, absl::Time now);
// What was trained up to `step` is on disk.
void NoteKept(server::JobRecord& record, int64_t step, absl::Time now);

// The attempt has ended. What it trained since its newest sign is not known to
// have been of use and was idle, unless it finished; and when the job goes on,
// what it trained before that and did not keep is lost.
void EndAttemptAccount(server::JobRecord& record, v1::Attempt::EndCause cause,
                       bool goes_on, absl::Time now);

// The shares and their ratio, with the open moment up to `now`.
v1::Goodput GoodputAt(const server::JobRecord& record, absl::Time now);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_GOODPUT_H_
