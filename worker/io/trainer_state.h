#ifndef LOCKSTEP_WORKER_IO_TRAINER_STATE_H_
#define LOCKSTEP_WORKER_IO_TRAINER_STATE_H_

// trainer_state.json of Hugging Face: the history of a run, which notebooks and
// their users' scripts read. A checkpoint carries it, so that the history goes
// on after a resume.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr char kTrainerStateFile[] = "trainer_state.json";

// A row of log_history.
struct LogRow {
  int64_t step = 0;
  double epoch = 0;
  // Hugging Face's names: loss, grad_norm, learning_rate, num_tokens,
  // mean_token_accuracy; eval_loss, eval_runtime; train_loss, train_runtime.
  std::map<std::string, double> values;
};

// The rows of log_history. A long run adds one at each step and saves all with
// each checkpoint, so they are kept as the text that they become, and a copy
// shares it.
class LogHistory {
 public:
  // A value that is not finite is left out: JSON has no such numbers.
  void Add(const LogRow& row);
  absl::StatusOr<std::vector<LogRow>> Rows() const;
  // The elements of the list, as TrainerStateToJson indents them.
  const absl::Cord& text() const { return text_; }

 private:
  absl::Cord text_;
};

struct TrainerState {
  int64_t global_step = 0;
  int64_t max_steps = 0;
  double epoch = 0;
  int64_t num_train_epochs = 0;
  int64_t num_input_tokens_seen = 0;
  double total_flos = 0;
  int64_t train_batch_size = 0;
  int64_t logging_steps = 1;
  int64_t eval_steps = 0;
  int64_t save_steps = 0;
  // Of the evaluation with the lowest loss, and the folder of the best
  // checkpoint; written only.
  std::optional<double> best_metric;
  std::optional<int64_t> best_global_step;
  std::string best_model_checkpoint;
  LogHistory log_history;
};

// Keys sorted, two spaces of indentation, as Hugging Face writes it.
std::string TrainerStateToJson(const TrainerState& state);

// What TrainerStateToJson or Hugging Face writes. INVALID_ARGUMENT names `path`
// and the key.
absl::StatusOr<TrainerState> ParseTrainerState(absl::string_view json,
                                               const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_TRAINER_STATE_H_
