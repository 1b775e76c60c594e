#ifndef LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_SETTINGS_H_
#define LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_SETTINGS_H_

// Where the ends of jobs are told, and with which secret: a file of the
// operator, not a flag, as the address of a chat's webhook is a secret itself.
//
//   url https://example.com/hooks/lockstep
//   secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw

#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

struct WebhookSettings {
  // http or https, without user and password.
  std::string url;
  // The key's bytes, 24 to 64 of them, as Standard Webhooks wants.
  std::string key;
};

// A secret file (proto/contract/secret_file.h). INVALID_ARGUMENT names the line
// and what is allowed; no message holds a value of the file.
absl::StatusOr<WebhookSettings> LoadWebhookSettings(const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_SETTINGS_H_
