#ifndef LOCKSTEP_WORKER_TRAIN_BEST_EVALUATION_H_
#define LOCKSTEP_WORKER_TRAIN_BEST_EVALUATION_H_

// Which evaluation had the lowest loss, and for how many there was none better:
// what early stopping and the choice of the best checkpoint go by. The rules
// are those of Hugging Face's Trainer and EarlyStoppingCallback. Every rank
// keeps one and all come to the same.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace lockstep {

class BestEvaluation {
 public:
  struct Entry {
    int64_t step = 0;
    double loss = 0;
  };

  // A loss is better than the best when it is lower by more than `threshold`.
  explicit BestEvaluation(double threshold = 0) : threshold_(threshold) {}

  void Add(int64_t step, double loss);
  // A checkpoint is about to be written at `step`: if that step was evaluated,
  // it may be the best to go back to.
  void MarkSaved(int64_t step);
  // It was not written after all.
  void UnmarkSaved() { best_saved_ = best_saved_before_; }

  // Evaluations in a row that were not better.
  int64_t since_better() const { return since_better_; }
  // The lowest loss; absent before the first that is a number.
  const std::optional<Entry>& best() const { return best_; }
  // The same among those with a checkpoint.
  const std::optional<Entry>& best_saved() const { return best_saved_; }

  // To and from TrainerPosition::averages.
  void Save(std::map<std::string, double>* averages) const;
  void Restore(const std::map<std::string, double>& averages);

 private:
  const double threshold_;
  int64_t since_better_ = 0;
  std::optional<Entry> newest_;
  std::optional<Entry> best_;
  std::optional<Entry> best_saved_;
  // What it was before the newest mark.
  std::optional<Entry> best_saved_before_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_BEST_EVALUATION_H_
