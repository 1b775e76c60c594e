#ifndef LOCKSTEP_WORKER_IO_TENSORBOARD_H_
#define LOCKSTEP_WORKER_IO_TENSORBOARD_H_

// Writes an event file that TensorBoard shows while it grows. A file is only
// ever appended to, so a reader of a torn end loses nothing. An attempt that
// resumes writes a file of its own beside the earlier ones.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/io/tensorboard_event.h"

namespace lockstep {

// Not thread-safe.
class TensorBoardWriter {
 public:
  // Creates `dir` and a new file in it. After `resume_step` done steps (0 for
  // none), TensorBoard drops what earlier files say of later ones.
  static absl::StatusOr<std::unique_ptr<TensorBoardWriter>> Create(
      const std::string& dir, int64_t resume_step);
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;

  // tag -> value: train/loss, eval/loss, perf/step_time_s. Each call is one
  // write; RESOURCE_EXHAUSTED: disk full.
  absl::Status AddScalars(int64_t step,
                          const std::map<std::string, double>& values);
  // Markdown, shown under Text.
  absl::Status AddText(int64_t step, absl::string_view tag,
                       absl::string_view text);
  // The settings of the run, shown under HParams beside its newest scalars.
  absl::Status AddHParams(const std::map<std::string, HParam>& hparams);
  // The run came to its end. What is written of a run first counts, so one that
  // may be tried again has none.
  absl::Status AddEnd();

  const std::string& path() const { return path_; }

 private:
  TensorBoardWriter(std::string path, int fd)
      : path_(std::move(path)), fd_(fd) {}
  absl::Status Append(absl::string_view event);

  const std::string path_;
  const int fd_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_TENSORBOARD_H_
