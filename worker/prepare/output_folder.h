#ifndef LOCKSTEP_WORKER_PREPARE_OUTPUT_FOLDER_H_
#define LOCKSTEP_WORKER_PREPARE_OUTPUT_FOLDER_H_

// The folder that the job's result will lie in. Hours of training must not end
// at a folder that cannot be written, so prepare makes it and tries. Nor may
// they replace another run's files, so a folder has one job: what is claimed
// holds a file that names it. What was made here is removed again unless Keep()
// is called: a job that fails leaves nothing behind.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep {

// Names the job that a folder belongs to.
inline constexpr char kClaimFile[] = ".lockstep-job";

class OutputFolder {
 public:
  // Makes `path` with its parents when absent, and claims it for `owner`, one
  // line that no other job has. To claim again what is claimed is fine: a
  // preparation may be repeated. An error names the field, the path and the
  // reason: OUTPUT_NOT_WRITABLE; OUTPUT_IN_USE, it is another job's or holds
  // other files (those with a dot before their names do not count); or none
  // when the disk is full.
  static absl::StatusOr<OutputFolder> Make(const std::string& path,
                                           const std::string& owner);
  // What Make, in another process, is going to make: for removing it when that
  // process does not live to do so.
  static OutputFolder Expect(const std::string& path, const std::string& owner);
  ~OutputFolder();
  OutputFolder(OutputFolder&& other) noexcept
      : made_(std::exchange(other.made_, {})),
        claim_(std::exchange(other.claim_, {})),
        owner_(std::move(other.owner_)) {}
  OutputFolder& operator=(OutputFolder&&) = delete;

  // The job goes on: what was made stays.
  void Keep() {
    made_.clear();
    claim_.clear();
  }

 private:
  OutputFolder() = default;

  // Folders, outermost first.
  std::vector<std::string> made_;
  // The file, when it was not there before.
  std::string claim_;
  std::string owner_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_OUTPUT_FOLDER_H_
