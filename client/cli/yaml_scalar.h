#ifndef LOCKSTEP_CLIENT_CLI_YAML_SCALAR_H_
#define LOCKSTEP_CLIENT_CLI_YAML_SCALAR_H_

// What one YAML scalar means. Strict where YAML 1.1 and 1.2 disagree, so that
// no value is ever taken for another one. Every error says what was found and
// what is allowed.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep::cli {

struct YamlScalar {
  std::string text;
  bool quoted = false;  // "8" or '8': a string, whatever it looks like.
};

absl::StatusOr<int64_t> ParseInteger(const YamlScalar& scalar, int64_t low,
                                     int64_t high);
absl::StatusOr<double> ParseReal(const YamlScalar& scalar);
absl::StatusOr<bool> ParseBool(const YamlScalar& scalar);
// "90s", "1h30m".
absl::StatusOr<absl::Duration> ParseTime(const YamlScalar& scalar);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_YAML_SCALAR_H_
