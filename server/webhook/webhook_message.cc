#include "server/webhook/webhook_message.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

namespace lockstep {
namespace {

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  // Fails only for an Any of unknown type, which no message here holds.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  return text;
}

std::string HmacSha256(absl::string_view key, absl::string_view text) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()), &size);
  digest.resize(size);
  return digest;
}

}  // namespace

WebhookMessage EndedMessage(const v1::Job& job) {
  v1::Job told = job;
  told.clear_spec();
  told.clear_plan();
  return {job.uid(),
          absl::StrCat("{\"type\":\"job.ended\",\"timestamp\":",
                       Json(job.end_time()), ",\"data\":", Json(told), "}")};
}

std::vector<std::string> SignatureHeaders(const WebhookMessage& message,
                                          absl::string_view key,
                                          absl::Time now) {
  const std::string time = absl::StrCat(absl::ToUnixSeconds(now));
  const std::string signature = absl::Base64Escape(
      HmacSha256(key, absl::StrCat(message.id, ".", time, ".", message.body)));
  return {absl::StrCat("webhook-id: ", message.id),
          absl::StrCat("webhook-timestamp: ", time),
          absl::StrCat("webhook-signature: v1,", signature)};
}

}  // namespace lockstep
