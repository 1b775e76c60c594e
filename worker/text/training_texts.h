#ifndef LOCKSTEP_WORKER_TEXT_TRAINING_TEXTS_H_
#define LOCKSTEP_WORKER_TEXT_TRAINING_TEXTS_H_

// The texts that a tokenizer is trained on; for tokenizer_training.cc only.

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep {

// A *.jsonl file: the string "text" of each row, INVALID_ARGUMENT naming file
// and line where a row has none. Any other file: its lines, in pieces of some
// 16 KiB, so that breaks between lines are learned too. NOT_FOUND: no such
// file. Blank texts are left out.
absl::StatusOr<std::vector<std::string>> ReadTrainingTexts(
    const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_TRAINING_TEXTS_H_
