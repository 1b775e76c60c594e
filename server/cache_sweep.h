#ifndef LOCKSTEP_SERVER_CACHE_SWEEP_H_
#define LOCKSTEP_SERVER_CACHE_SWEEP_H_

// Token caches that nobody has used for a while give their room back
// (--keep-caches). A cache is STATE/cache/DIGEST, and its time of change is
// when a job was last prepared with it (worker/prepare/cache_folder.h). One
// that a job may still train with stays, however old.
//
// Safe beside workers: whoever finds a cache locks it for the moment in which
// it says that it is used, and this locks it from the look at that to the end
// of its name. A death in between leaves DIGEST.unused.tmp, which the next
// prepare removes as it does what others left.

#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/clock.h"

namespace lockstep {

class JobStore;

// Removes the caches of this folder that were last used before `since`, those
// of these digests excepted; the paths of what is gone. What cannot be removed
// stays for another time.
std::vector<std::string> RemoveUnusedCaches(const std::string& cache_dir,
                                            const std::set<std::string>& in_use,
                                            absl::Time since);

// Does so at once and every hour, on a thread of its own, and logs it.
class CacheSweep {
 public:
  // The store outlives it.
  CacheSweep(std::string cache_dir, absl::Duration keep, const Clock& clock,
             const JobStore& store);
  ~CacheSweep();

 private:
  void Run();
  void Sweep() const;

  const std::string cache_dir_;
  const absl::Duration keep_;
  const Clock& clock_;
  const JobStore& store_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_CACHE_SWEEP_H_
