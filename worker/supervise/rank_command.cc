#include "worker/supervise/rank_command.h"

#include "absl/strings/str_cat.h"

namespace lockstep {

std::vector<std::string> RankCommand(const SuperviseOptions& options,
                                     size_t index) {
  std::vector<std::string> words = {
      options.program, "train",
      "--coordinator", options.coordinator,
      "--job",         options.job,
      "--attempt",     absl::StrCat(options.attempt),
      "--rank",        absl::StrCat(options.ranks[index]),
      "--token-file",  options.token_file,
      "--device",      options.devices[index]};
  if (!options.tls_ca.empty()) {
    words.insert(words.end(), {"--tls-ca", options.tls_ca});
  }
  return words;
}

std::string RankLogPath(const SuperviseOptions& options, size_t index) {
  return absl::StrCat(options.attempt_dir, "/rank-", options.ranks[index],
                      ".log");
}

}  // namespace lockstep
