#ifndef LOCKSTEP_SERVER_SCHEDULER_ATTEMPT_END_H_
#define LOCKSTEP_SERVER_SCHEDULER_ATTEMPT_END_H_

// Why an attempt ended: one cause out of many exits. Pure.
//
// A rank that fails takes the others with it, by a broken collective or by its
// supervisor's SIGTERM. So the cause is that of a rank which failed by itself;
// and of those, one that lost a peer only tells that another came first.

#include <string>

#include "lockstep/v1/job.pb.h"
#include "server/launcher/launcher.h"
#include "server/scheduler/scheduler_state.h"

namespace lockstep {

struct AttemptEnd {
  v1::Attempt::EndCause cause = v1::Attempt::END_CAUSE_UNSPECIFIED;
  // Which rank, which signal, which file.
  std::string message;
  // False: the next attempt would end in the same way, though others that end
  // with this cause are tried again.
  bool another_may_help = true;
  // Whose failure it is; -1 when that is not known.
  int rank = -1;
};

AttemptEnd WhyEnded(const v1::Job& job, const LiveAttempt& live,
                    const ProcessEnd& end);

// Whether an engine that places attempts may say better why all these ranks are
// gone: none of them failed by itself, and nobody here asked them to stop.
bool EngineMayKnow(const v1::Job& job, const LiveAttempt& live,
                   const ProcessEnd& end);

// An end that somebody asked for, and that costs the job nothing.
bool WasAskedToStop(v1::Attempt::EndCause cause);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_ATTEMPT_END_H_
