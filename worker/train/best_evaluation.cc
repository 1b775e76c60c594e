#include "worker/train/best_evaluation.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

using Entry = BestEvaluation::Entry;

bool IsLower(const Entry& entry, const std::optional<Entry>& than) {
  return std::isfinite(entry.loss) &&
         (!than.has_value() || entry.loss < than->loss);
}

void SaveEntry(const char* name, const std::optional<Entry>& entry,
               std::map<std::string, double>* averages) {
  if (!entry.has_value()) return;
  (*averages)[absl::StrCat(name, ".step")] = static_cast<double>(entry->step);
  (*averages)[absl::StrCat(name, ".loss")] = entry->loss;
}

std::optional<Entry> RestoreEntry(
    const char* name, const std::map<std::string, double>& averages) {
  const auto step = averages.find(absl::StrCat(name, ".step"));
  const auto loss = averages.find(absl::StrCat(name, ".loss"));
  if (step == averages.end() || loss == averages.end()) return std::nullopt;
  return Entry{static_cast<int64_t>(step->second), loss->second};
}

}  // namespace

void BestEvaluation::Add(int64_t step, double loss) {
  newest_ = Entry{step, loss};
  const bool better = !best_.has_value() ||
                      (loss < best_->loss && best_->loss - loss > threshold_);
  since_better_ = better ? 0 : since_better_ + 1;
  // What is lower by less is the best to compare with all the same.
  if (IsLower(*newest_, best_)) best_ = newest_;
}

void BestEvaluation::MarkSaved(int64_t step) {
  best_saved_before_ = best_saved_;
  if (!newest_.has_value() || newest_->step != step) return;
  if (IsLower(*newest_, best_saved_)) best_saved_ = newest_;
}

void BestEvaluation::Save(std::map<std::string, double>* averages) const {
  SaveEntry("best", best_, averages);
  SaveEntry("best_saved", best_saved_, averages);
  (*averages)["since_better"] = static_cast<double>(since_better_);
}

void BestEvaluation::Restore(const std::map<std::string, double>& averages) {
  newest_.reset();
  best_ = RestoreEntry("best", averages);
  best_saved_ = RestoreEntry("best_saved", averages);
  best_saved_before_ = best_saved_;
  const auto since = averages.find("since_better");
  since_better_ =
      since == averages.end() ? 0 : static_cast<int64_t>(since->second);
}

}  // namespace lockstep
