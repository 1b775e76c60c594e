#ifndef LOCKSTEP_WORKER_PREPARE_OUTPUT_FOLDER_H_
#define LOCKSTEP_WORKER_PREPARE_OUTPUT_FOLDER_H_

// The folder that the job's result will lie in. Hours of training must not end
// at a folder that cannot be written, so prepare makes it and tries. Folders
// that were made here are removed again unless Keep() is called: a job that
// fails leaves nothing behind.

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep {

class OutputFolder {
 public:
  // Makes `path` with its parents when absent, then creates and removes a file
  // in it. An error names the field, the path and what the system said; its
  // reason is OUTPUT_NOT_WRITABLE, or none when the disk is full.
  static absl::StatusOr<OutputFolder> Make(const std::string& path);
  ~OutputFolder();
  OutputFolder(OutputFolder&& other) noexcept = default;
  OutputFolder& operator=(OutputFolder&&) = delete;

  // The job goes on: what was made stays.
  void Keep() { made_.clear(); }

 private:
  OutputFolder() = default;

  // Outermost first.
  std::vector<std::string> made_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_OUTPUT_FOLDER_H_
