#ifndef LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_OPTIONS_H_
#define LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_OPTIONS_H_

// Every limit and delay of the scheduler, with its default.

#include <algorithm>

#include "absl/time/time.h"

namespace lockstep {

struct SchedulerOptions {
  // How long the ranks of an attempt may take to load and join.
  absl::Duration rendezvous_timeout = absl::Seconds(120);
  // How often ranks are told to send a heartbeat when they have nothing else to
  // say. One that is silent for two is told of: within 10 seconds.
  absl::Duration heartbeat_interval = absl::Seconds(5);
  // How long ranks may train without a step, or say nothing, before they are
  // killed; and if that is longer, so many times the median of their steps
  // without a step.
  absl::Duration hang_timeout = absl::Seconds(30);
  int hang_steps = 10;
  // From the request to stop to SIGKILL.
  absl::Duration stop_grace = absl::Seconds(30);
  // From the request to write a checkpoint and stop to the SIGKILL of the
  // ranks.
  absl::Duration drain_grace = absl::Seconds(30);
  // How much longer than the grace time a supervisor may take to end its ranks
  // before it is killed with them.
  absl::Duration kill_after_grace = absl::Seconds(5);
  // Pause before the next attempt; doubles with each failure in a row.
  absl::Duration first_backoff = absl::Seconds(1);
  absl::Duration longest_backoff = absl::Seconds(60);
  // So many failed attempts in a row that left no new checkpoint end a job,
  // whatever its max_restarts allows.
  int attempts_without_progress = 3;
  // So many attempts of a job that failed may have begun within an hour; the
  // next one waits until fewer have, whatever progress they made.
  int starts_per_hour = 10;
  // How long an attempt whose ranks were stopped by nobody here waits for the
  // engine's word on why.
  absl::Duration engine_word = absl::Seconds(15);
  // Prepare processes at a time.
  int concurrent_prepares = 2;
  // Starts of prepare whose end is unknown (the coordinator was away).
  int prepare_tries = 3;
  // How long a job is remembered after its end.
  absl::Duration keep_ended = absl::InfiniteDuration();
  // How often deadlines are looked at.
  absl::Duration tick = absl::Milliseconds(250);
};

// The longest that a job waits after a failure.
inline absl::Duration LongestPause(const SchedulerOptions& options) {
  return std::max(options.longest_backoff, absl::Hours(1));
}

// After which a rank is called silent.
inline absl::Duration SilenceOf(const SchedulerOptions& options) {
  return 2 * options.heartbeat_interval;
}

// The heartbeat interval where ranks are on other hosts, unless told otherwise.
// One that dies may have spoken just before: it is lost within 8 seconds, which
// leaves a busy coordinator two of the 10 that are promised.
inline constexpr absl::Duration kNetworkHeartbeat = absl::Milliseconds(2500);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_OPTIONS_H_
