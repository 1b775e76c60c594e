#ifndef LOCKSTEP_CLIENT_CLI_YAML_TEXT_H_
#define LOCKSTEP_CLIENT_CLI_YAML_TEXT_H_

// A file of a user, up to its tree: read with a limit, checked to be UTF-8,
// parsed.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/yaml_message.h"

namespace lockstep::cli {

// The file, or standard input for "-"; of one that is too long a byte more than
// LoadYaml takes. INVALID_ARGUMENT names the file.
absl::StatusOr<std::string> ReadYamlText(const std::string& name);

// Its documents; none when there is a problem.
std::vector<YAML::Node> LoadYaml(const std::string& text,
                                 std::vector<SpecProblem>* problems);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_YAML_TEXT_H_
