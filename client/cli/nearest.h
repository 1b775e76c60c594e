#ifndef LOCKSTEP_CLIENT_CLI_NEAREST_H_
#define LOCKSTEP_CLIENT_CLI_NEAREST_H_

// "Did you mean": the known word that is closest to a mistyped one.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::cli {

// Insertions, deletions, substitutions and swaps of neighbours that turn one
// word into the other.
int EditDistance(absl::string_view a, absl::string_view b);

// The closest of `words`, or empty when none is close: at most a third of the
// letters, and at least two, may differ.
std::string NearestWord(absl::string_view word,
                        const std::vector<std::string>& words);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_NEAREST_H_
