#ifndef LOCKSTEP_WORKER_PREPARE_CACHE_FOLDER_H_
#define LOCKSTEP_WORKER_PREPARE_CACHE_FOLDER_H_

// One token cache on its way to CACHE_DIR/<digest>. It is written as
// CACHE_DIR/<digest>.tmp and renamed when whole, so that whoever finds the
// final name finds all of it. The temporary folder is locked (flock) while it
// is written: two jobs on the same data do the work once, the second waits;
// what a killed process left is not locked and is written anew.
//
// The time of change of CACHE_DIR/<digest> is when somebody last found it: by
// that the coordinator knows which are not used any more
// (server/cache_sweep.h).
//
// Not thread-safe; other processes may use the same CACHE_DIR.

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

class CacheFolder {
 public:
  // Finds the cache, or locks an empty temporary folder for it; waits while
  // another process writes the same cache. What lies under the final name but
  // is not `whole` is damaged, and removed.
  static absl::StatusOr<CacheFolder> Open(
      const std::string& cache_dir, const std::string& digest,
      const std::function<bool(const std::string& path)>& whole);
  // Removes what killed processes left of caches that nobody writes any more.
  static void RemoveAbandoned(const std::string& cache_dir);
  // Removes the temporary folder unless it was published.
  ~CacheFolder();
  CacheFolder(CacheFolder&& other) noexcept;
  CacheFolder& operator=(CacheFolder&&) = delete;

  // Whether somebody has written it before.
  bool found() const { return lock_fd_ < 0; }
  // Where it lies, once found or published.
  const std::string& path() const { return final_path_; }
  // Where to write it.
  const std::string& write_path() const { return temporary_path_; }

  // What was written gets its final name and is on disk.
  absl::Status Publish();

 private:
  CacheFolder(std::string final_path, int lock_fd);
  void Unlock();

  std::string final_path_;
  std::string temporary_path_;
  int lock_fd_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_CACHE_FOLDER_H_
