#ifndef LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_MESSAGE_H_
#define LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_MESSAGE_H_

// What a webhook is told, and how it knows that it is us: the Standard Webhooks
// specification 1.0.0 (https://www.standardwebhooks.com), for which receivers
// have libraries. Pure.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

struct WebhookMessage {
  // The job's uid: the same however often it is sent.
  std::string id;
  // {"type": "job.ended", "timestamp": ..., "data": Job}; the job without spec
  // and plan, which may be long, and which GetJob tells.
  std::string body;
};

WebhookMessage EndedMessage(const v1::Job& job);

// "webhook-id: ...", "webhook-timestamp: ..." and "webhook-signature: v1,...",
// the base64 of HMAC-SHA256 of id.timestamp.body.
std::vector<std::string> SignatureHeaders(const WebhookMessage& message,
                                          absl::string_view key,
                                          absl::Time now);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_MESSAGE_H_
