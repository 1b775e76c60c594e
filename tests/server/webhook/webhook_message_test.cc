#include "server/webhook/webhook_message.h"

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The example of the specification's reference libraries.
TEST(WebhookMessageTest, IsSignedAsStandardWebhooksSays) {
  std::string key;
  ASSERT_TRUE(absl::Base64Unescape("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key));
  EXPECT_THAT(SignatureHeaders(
                  {"msg_p5jXN8AQM9LWM0D4loKWxJek", R"({"test": 2432232314})"},
                  key, absl::FromUnixSeconds(1614265330)),
              ElementsAre("webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
                          "webhook-timestamp: 1614265330",
                          "webhook-signature: "
                          "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

TEST(WebhookMessageTest, TellsTheJobWithoutItsSpec) {
  v1::Job job;
  job.set_name("jobs/a");
  job.set_uid("u1");
  job.set_state(v1::Job::FAILED);
  job.mutable_error()->set_message("bad \"row\"\n");
  job.mutable_spec()->mutable_model()->set_path("/secret/model");
  job.mutable_plan()->set_steps(3);
  job.mutable_end_time()->set_seconds(1767225600);
  const WebhookMessage message = EndedMessage(job);
  EXPECT_EQ(message.id, "u1");
  EXPECT_THAT(
      message.body,
      ::testing::StartsWith(
          R"({"type":"job.ended","timestamp":"2026-01-01T00:00:00Z","data":{)"));
  EXPECT_THAT(message.body, HasSubstr(R"("name":"jobs/a")"));
  EXPECT_THAT(message.body, HasSubstr(R"("state":"FAILED")"));
  EXPECT_THAT(message.body, HasSubstr(R"(bad \"row\"\n)"));
  EXPECT_THAT(message.body, Not(HasSubstr("model")));
  EXPECT_THAT(message.body, Not(HasSubstr("plan")));
}

}  // namespace
}  // namespace lockstep
