#ifndef LOCKSTEP_WORKER_SUPERVISE_OOM_WATCH_H_
#define LOCKSTEP_WORKER_SUPERVISE_OOM_WATCH_H_

// The kernel does not tell a parent why it killed a child with SIGKILL. It
// counts its kills for memory, of the host and of every control group
// (/proc/vmstat, oom_kill; Linux 4.13), before it makes them: who ends by a
// SIGKILL that the parent did not send, soon after the count has grown, is
// taken for one of them. Used by one thread.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace lockstep {

class OomWatch {
 public:
  // A large process takes as long as this to go.
  static constexpr absl::Duration kLately = absl::Seconds(30);

  // `vmstat`: /proc/vmstat, or a file like it; one that cannot be read, or says
  // nothing of it, counts none.
  OomWatch(std::string vmstat, absl::Time now);

  // Now and then: kills on a busy host that were long ago are no news.
  void Look(absl::Time now);
  // Whether the kernel killed for memory since the newest look that is at least
  // kLately older than another; since the begin, before there is one.
  bool KilledLately() const;

 private:
  struct Sample {
    absl::Time at;
    std::optional<int64_t> kills;  // None: the kernel does not say.
  };

  std::optional<int64_t> Kills() const;

  const std::string vmstat_;
  Sample older_;
  Sample newer_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_OOM_WATCH_H_
