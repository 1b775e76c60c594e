#include "client/internal/retry_loop.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lockstep/v1/job_service.pb.h"
#include "proto/contract/errors.h"

namespace lockstep::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakeSleeper : public Sleeper {
 public:
  bool Sleep(absl::Duration duration) override {
    slept.push_back(duration);
    return !interrupted;
  }
  std::vector<absl::Duration> slept;
  bool interrupted = false;
};

// Fails `failures` times, then gives 7.
struct Flaky {
  int failures;
  absl::Status error = absl::UnavailableError("away");
  int calls = 0;
  absl::StatusOr<int> operator()() {
    if (++calls <= failures) return error;
    return 7;
  }
};

TEST(RetryLoopTest, SuccessSleepsNever) {
  FakeSleeper sleeper;
  Flaky flaky{0};

  EXPECT_EQ(*RetryLoop({}, sleeper, true, [&] { return flaky(); }), 7);

  EXPECT_THAT(sleeper.slept, IsEmpty());
}

TEST(RetryLoopTest, ARefusalOfADrainedCoordinatorIsFinal) {
  FakeSleeper sleeper;
  Flaky flaky{1, errors::Draining()};

  EXPECT_FALSE(RetryLoop({}, sleeper, true, [&] { return flaky(); }).ok());

  EXPECT_THAT(sleeper.slept, IsEmpty());
}

TEST(RetryLoopTest, WaitsTwiceAsLongEachTime) {
  FakeSleeper sleeper;
  Flaky flaky{3};

  EXPECT_TRUE(RetryLoop({}, sleeper, true, [&] { return flaky(); }).ok());

  EXPECT_THAT(sleeper.slept,
              ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                          absl::Milliseconds(400)));
}

TEST(RetryLoopTest, GivesUpWhenPatienceIsUsedUp) {
  FakeSleeper sleeper;
  Flaky flaky{1000};

  const auto result = RetryLoop({}, sleeper, true, [&] { return flaky(); });

  EXPECT_TRUE(absl::IsUnavailable(result.status()));
  absl::Duration total;
  for (absl::Duration slept : sleeper.slept) total += slept;
  EXPECT_EQ(total, RetryPolicy().patience);
}

TEST(RetryLoopTest, DelaysAreBounded) {
  FakeSleeper sleeper;
  Flaky flaky{10};
  RetryPolicy policy;
  policy.patience = absl::Minutes(1);

  EXPECT_TRUE(RetryLoop(policy, sleeper, true, [&] { return flaky(); }).ok());

  EXPECT_EQ(sleeper.slept.back(), policy.max_delay);
}

TEST(RetryLoopTest, OtherErrorsAreNotRetried) {
  FakeSleeper sleeper;
  Flaky flaky{1, absl::InternalError("bug")};

  EXPECT_FALSE(RetryLoop({}, sleeper, true, [&] { return flaky(); }).ok());

  EXPECT_EQ(flaky.calls, 1);
}

TEST(RetryLoopTest, CallsThatAreNotIdempotentAreMadeOnce) {
  FakeSleeper sleeper;
  Flaky flaky{1};

  EXPECT_FALSE(RetryLoop({}, sleeper, false, [&] { return flaky(); }).ok());

  EXPECT_EQ(flaky.calls, 1);
}

TEST(RetryLoopTest, AnInterruptEndsTheWait) {
  FakeSleeper sleeper;
  sleeper.interrupted = true;
  Flaky flaky{5};

  EXPECT_FALSE(RetryLoop({}, sleeper, true, [&] { return flaky(); }).ok());

  EXPECT_EQ(flaky.calls, 1);
}

// One connection of a stream: the messages it gives and how it ends.
struct Connection {
  std::vector<std::string> tokens;
  absl::Status end;
};

struct StreamRun {
  absl::Status status;
  std::vector<std::string> asked;     // resume_token of each connection.
  std::vector<std::string> received;  // Tokens of the messages.
};

StreamRun RunStream(std::vector<Connection> connections, FakeSleeper& sleeper,
                    size_t wanted = 100) {
  StreamRun run;
  const auto read = [&](const v1::WatchJobsRequest& request,
                        const auto& next) -> absl::Status {
    const Connection& connection = connections.at(run.asked.size());
    run.asked.push_back(request.resume_token());
    for (const std::string& token : connection.tokens) {
      v1::WatchJobsResponse response;
      response.set_resume_token(token);
      if (!next(response)) return absl::OkStatus();
    }
    return connection.end;
  };
  run.status = ResumeLoop<v1::WatchJobsRequest, v1::WatchJobsResponse>(
      {}, sleeper, {}, read, [&](const v1::WatchJobsResponse& response) {
        run.received.push_back(response.resume_token());
        return run.received.size() < wanted;
      });
  return run;
}

TEST(ResumeLoopTest, GoesOnRightAfterTheLastMessage) {
  FakeSleeper sleeper;

  const StreamRun run = RunStream({{{"1", "2"}, absl::UnavailableError("away")},
                                   {{}, absl::UnavailableError("still away")},
                                   {{"3"}, absl::OkStatus()}},
                                  sleeper);

  EXPECT_TRUE(run.status.ok());
  EXPECT_THAT(run.asked, ElementsAre("", "2", "2"));
  EXPECT_THAT(run.received, ElementsAre("1", "2", "3"));
}

TEST(ResumeLoopTest, EachMessageRestoresPatience) {
  FakeSleeper sleeper;
  std::vector<Connection> connections(50,
                                      {{"t"}, absl::UnavailableError("away")});
  connections.push_back({{}, absl::OkStatus()});

  const StreamRun run = RunStream(connections, sleeper);

  EXPECT_TRUE(run.status.ok());
  EXPECT_THAT(sleeper.slept, SizeIs(50));
  EXPECT_EQ(sleeper.slept.back(), absl::Milliseconds(100));
}

TEST(ResumeLoopTest, GivesUpOnASilentCoordinator) {
  FakeSleeper sleeper;
  const std::vector<Connection> connections(
      50, {{}, absl::UnavailableError("away")});

  EXPECT_TRUE(absl::IsUnavailable(RunStream(connections, sleeper).status));
}

TEST(ResumeLoopTest, OtherErrorsEndTheStream) {
  FakeSleeper sleeper;

  const StreamRun run =
      RunStream({{{"1"}, absl::NotFoundError("no job")}}, sleeper);

  EXPECT_TRUE(absl::IsNotFound(run.status));
  EXPECT_THAT(sleeper.slept, IsEmpty());
}

TEST(ResumeLoopTest, TheReaderMayEndIt) {
  FakeSleeper sleeper;

  const StreamRun run = RunStream(
      {{{"1", "2", "3"}, absl::UnavailableError("away")}}, sleeper, 2);

  EXPECT_TRUE(run.status.ok());
  EXPECT_THAT(run.received, ElementsAre("1", "2"));
}

}  // namespace
}  // namespace lockstep::internal
