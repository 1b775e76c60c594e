#include "server/service/call_log.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCancel[] = "lockstep.v1.JobService/CancelJob";

TEST(CallLogTest, SpeaksOfChangesAndOfWhatShouldNeverBe) {
  EXPECT_TRUE(IsLogged(kCancel, absl::StatusCode::kOk));
  EXPECT_TRUE(IsLogged(kCancel, absl::StatusCode::kNotFound));
  for (const char* read : {"GetJob", "ListJobs", "WatchJobs", "StreamLogs",
                           "StreamMetrics", "ExplainJob"}) {
    const std::string method = std::string("lockstep.v1.JobService/") + read;
    EXPECT_FALSE(IsLogged(method, absl::StatusCode::kNotFound)) << read;
    EXPECT_TRUE(IsLogged(method, absl::StatusCode::kInternal)) << read;
  }
  EXPECT_FALSE(IsLogged("lockstep.worker.v1.WorkerService/Heartbeat",
                        absl::StatusCode::kOk));
}

// The log of what the services did.
class CallLogServiceTest : public ServiceFixture {
 protected:
  CallLogServiceTest() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~CallLogServiceTest() override { spdlog::set_default_logger(before_); }

  // Cancels a job that is not there.
  std::string LogOf(TestContext& context) {
    v1::CancelJobRequest request;
    request.set_name("jobs/none");
    v1::Job job;
    EXPECT_FALSE(jobs_->CancelJob(&context, request, &job).ok());
    return text_.str();
  }

  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

TEST_F(CallLogServiceTest, ACallHasAnIdOfItsOwn) {
  TestContext context;
  const std::string log = LogOf(context);
  EXPECT_THAT(log,
              ContainsRegex("lockstep.v1.JobService/CancelJob NOT_FOUND: "
                            ".*jobs/none.*\\(request [0-9a-f]+-[0-9]+\\)"));
}

TEST_F(CallLogServiceTest, TheClientIsToldIt) {
  TestContext context;
  const std::string log = LogOf(context);
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto id = trailers.find("x-request-id");
  ASSERT_NE(id, trailers.end());
  EXPECT_THAT(
      log,
      HasSubstr("(request " +
                std::string(id->second.data(), id->second.length()) + ")"));
}

TEST_F(CallLogServiceTest, OrTheOneThatTheClientGave) {
  TestContext context;
  context.AddMetadata("x-request-id", "mine-7");
  EXPECT_THAT(LogOf(context), HasSubstr("(request mine-7)"));
}

TEST_F(CallLogServiceTest, WhatIsNoIdIsNotTaken) {
  TestContext context;
  context.AddMetadata("x-request-id", "a b");
  EXPECT_THAT(LogOf(context), Not(HasSubstr("a b")));
}

}  // namespace
}  // namespace lockstep::testing
