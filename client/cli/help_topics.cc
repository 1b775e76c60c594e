#include "client/cli/help_topics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::cli {

const std::vector<HelpItem>& ExitCodes() {
  static const auto* const codes = new std::vector<HelpItem>{
      {"0", "ok"},
      {"1", "the operation failed"},
      {"2", "flags, the config file or the job file are wrong"},
      {"3", "there is no such job, log, checkpoint or context"},
      {"4", "the token is missing, wrong, or not allowed to"},
      {"5", "the coordinator does not answer"},
      {"6", "the state of things does not permit it"},
      {"10", "the job that was waited for failed"},
      {"11", "the job that was waited for was cancelled"},
      {"12", "the wait timed out; the job goes on"},
      {"130", "interrupted; a submitted job goes on"}};
  return *codes;
}

const std::vector<HelpItem>& EnvironmentVariables() {
  static const auto* const variables = new std::vector<HelpItem>{
      {"LOCKSTEP_SERVER", "the coordinator, as --server"},
      {"LOCKSTEP_TOKEN_FILE", "file with the token, as --token-file"},
      {"LOCKSTEP_TLS_CA", "the CA of another host's coordinator, as --tls-ca"},
      {"LOCKSTEP_TLS_CERT", "your certificate, as --tls-cert"},
      {"LOCKSTEP_TLS_KEY", "its key, as --tls-key"},
      {"LOCKSTEP_CONTEXT", "which context of the config file, as --context"},
      {"LOCKSTEP_CONFIG", "the config file [~/.config/lockstep/config.yaml]"},
      {"NO_COLOR", "when not empty: no colours, no redrawn lines"}};
  return *variables;
}

std::string HelpTable(const std::vector<HelpItem>& items) {
  size_t width = 0;
  for (const HelpItem& item : items) width = std::max(width, item.name.size());
  std::string text;
  for (const HelpItem& item : items) {
    absl::StrAppend(&text, "  ", item.name,
                    std::string(width - item.name.size() + 2, ' '),
                    item.meaning, "\n");
  }
  return text;
}

}  // namespace lockstep::cli
