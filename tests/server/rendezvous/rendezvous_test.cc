#include "server/rendezvous/rendezvous.h"

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/testing/fake_clock.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kTimeout = absl::Seconds(120);

class RendezvousTest : public ::testing::Test {
 protected:
  RendezvousTest() {
    rendezvous_.SetListener([this](Rendezvous::Outcome outcome) {
      outcomes_.push_back(std::move(outcome));
    });
  }

  void Open(int world_size, bool joined_before = false) {
    rendezvous_.Open(attempt_, world_size, kTimeout, joined_before);
  }

  worker::v1::Caller CallerOf(int rank) const {
    worker::v1::Caller caller;
    caller.set_job(attempt_.job);
    caller.set_attempt(attempt_.attempt);
    caller.set_rank(rank);
    return caller;
  }

  // The answer, once there is one, is joined_[name].
  void Join(int rank, const std::string& incarnation, const std::string& name) {
    worker::v1::JoinRequest request;
    *request.mutable_caller() = CallerOf(rank);
    request.set_incarnation(incarnation);
    request.set_node("here");
    request.set_pid(100 + rank);
    rendezvous_.Join(request, [this, name](absl::StatusOr<int> answer) {
      EXPECT_FALSE(joined_.contains(name)) << "answered twice";
      joined_.emplace(name, std::move(answer));
    });
  }

  absl::Status SetKey(const std::string& key, const std::string& value) {
    worker::v1::SetKeyRequest request;
    *request.mutable_caller() = CallerOf(0);
    request.set_key(key);
    request.set_value(value);
    return rendezvous_.SetKey(request);
  }

  // The answer, once there is one, is values_[key].
  void WaitKey(const std::string& key, int seconds) {
    worker::v1::WaitKeyRequest request;
    *request.mutable_caller() = CallerOf(1);
    request.set_key(key);
    request.mutable_timeout()->set_seconds(seconds);
    rendezvous_.WaitKey(request,
                        [this, key](absl::StatusOr<std::string> answer) {
                          values_.emplace(key, std::move(answer));
                        });
  }

  void Advance(absl::Duration by) {
    clock_.Advance(by);
    rendezvous_.Tick();
  }

  std::string ReasonOf(const std::string& name) {
    return ErrorReason(joined_.at(name).status());
  }

  const AttemptRef attempt_{"jobs/a", 1};
  testing::FakeClock clock_;
  std::map<std::string, absl::StatusOr<int>> joined_;
  std::map<std::string, absl::StatusOr<std::string>> values_;
  std::vector<Rendezvous::Outcome> outcomes_;
  // Last: it may answer while it goes.
  Rendezvous rendezvous_{clock_};
};

TEST_F(RendezvousTest, AllAreAnsweredWhenThatTheLastHasJoinedIsOnDisk) {
  Open(2);
  Join(1, "x", "first");
  EXPECT_THAT(joined_, IsEmpty());
  EXPECT_THAT(outcomes_, IsEmpty());
  Join(0, "y", "second");
  EXPECT_THAT(joined_, IsEmpty());
  rendezvous_.Welcome(attempt_);
  EXPECT_EQ(*joined_.at("first"), 2);
  EXPECT_EQ(*joined_.at("second"), 2);
  ASSERT_THAT(outcomes_, SizeIs(1));
  EXPECT_EQ(outcomes_[0].attempt, attempt_);
  EXPECT_THAT(outcomes_[0].missing, IsEmpty());
  ASSERT_THAT(outcomes_[0].joined, SizeIs(2));
  EXPECT_EQ(outcomes_[0].joined[1].pid(), 101);
}

TEST_F(RendezvousTest, ACompleteAttemptWaitsForTheDiskPastTheDeadline) {
  Open(2);
  Join(0, "x", "call");
  Join(1, "y", "other");
  Join(0, "x", "retry");
  Advance(kTimeout);
  EXPECT_TRUE(absl::IsCancelled(joined_.at("call").status()));
  EXPECT_THAT(joined_, SizeIs(1));
  ASSERT_THAT(outcomes_, SizeIs(1));
  EXPECT_THAT(outcomes_[0].missing, IsEmpty());
  rendezvous_.Welcome(attempt_);
  EXPECT_EQ(*joined_.at("retry"), 2);
  EXPECT_EQ(*joined_.at("other"), 2);
  EXPECT_THAT(outcomes_, SizeIs(1));
}

TEST_F(RendezvousTest, AnAttemptThatWasClosedIsNotWelcomed) {
  Open(1);
  Join(0, "x", "only");
  rendezvous_.Close(attempt_);
  rendezvous_.Welcome(attempt_);
  EXPECT_EQ(ReasonOf("only"), "ATTEMPT_SUPERSEDED");
}

TEST_F(RendezvousTest, TheDeadlineNamesTheMissingRanks) {
  Open(4);
  Join(2, "x", "only");
  Advance(kTimeout - absl::Seconds(1));
  EXPECT_THAT(joined_, IsEmpty());
  Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOf("only"), "RENDEZVOUS_TIMEOUT");
  EXPECT_TRUE(absl::IsDeadlineExceeded(joined_.at("only").status()));
  EXPECT_THAT(std::string(joined_.at("only").status().message()),
              HasSubstr("ranks 0, 1, 3 did not join within 2m"));
  ASSERT_THAT(outcomes_, SizeIs(1));
  EXPECT_THAT(outcomes_[0].missing, ElementsAre(0, 1, 3));
  EXPECT_THAT(outcomes_[0].joined, SizeIs(1));
}

TEST_F(RendezvousTest, WhoComesAfterTheDeadlineHearsTheSame) {
  Open(2);
  Join(0, "x", "in time");
  Advance(kTimeout);
  Join(1, "y", "late");
  EXPECT_EQ(ReasonOf("late"), "RENDEZVOUS_TIMEOUT");
  EXPECT_THAT(std::string(joined_.at("late").status().message()),
              HasSubstr("rank 1 did not join"));
  Advance(kTimeout);
  EXPECT_THAT(outcomes_, SizeIs(1));
}

TEST_F(RendezvousTest, ASecondProcessOfARankIsRefused) {
  Open(2);
  Join(0, "x", "first");
  Join(0, "y", "second");
  EXPECT_EQ(ReasonOf("second"), "RANK_TAKEN");
  EXPECT_TRUE(absl::IsAlreadyExists(joined_.at("second").status()));
  EXPECT_THAT(std::string(joined_.at("second").status().message()),
              HasSubstr("rank 0 was joined by process 100 on here"));
  Join(1, "z", "other");
  rendezvous_.Welcome(attempt_);
  EXPECT_EQ(*joined_.at("first"), 2);
  Join(1, "w", "after");
  EXPECT_EQ(ReasonOf("after"), "RANK_TAKEN");
}

TEST_F(RendezvousTest, ARetryReplacesTheCallBefore) {
  Open(2);
  Join(0, "x", "call");
  Join(0, "x", "retry");
  EXPECT_TRUE(absl::IsCancelled(joined_.at("call").status()));
  Join(1, "y", "other");
  rendezvous_.Welcome(attempt_);
  EXPECT_EQ(*joined_.at("retry"), 2);
  // The answer was lost.
  Join(0, "x", "retry after the end");
  EXPECT_EQ(*joined_.at("retry after the end"), 2);
  EXPECT_THAT(outcomes_, SizeIs(1));
}

TEST_F(RendezvousTest, ARankThatIsNoneIsRefused) {
  Open(2);
  Join(2, "x", "above");
  Join(-1, "x", "below");
  EXPECT_EQ(ReasonOf("above"), "INVALID_RANK");
  EXPECT_EQ(ReasonOf("below"), "INVALID_RANK");
  EXPECT_THAT(std::string(joined_.at("above").status().message()),
              HasSubstr("2 is not in 0..1"));
}

TEST_F(RendezvousTest, RanksOfAnEarlierLifeAreNotWaitedFor) {
  Open(2, /*joined_before=*/true);
  Advance(2 * kTimeout);
  EXPECT_THAT(outcomes_, IsEmpty());
  Join(0, "x", "its answer was lost");
  EXPECT_EQ(*joined_.at("its answer was lost"), 2);
}

TEST_F(RendezvousTest, AnAttemptThatIsNotOpenIsSuperseded) {
  Join(0, "x", "never opened");
  EXPECT_EQ(ReasonOf("never opened"), "ATTEMPT_SUPERSEDED");
  EXPECT_EQ(ErrorReason(SetKey("k", "v")), "ATTEMPT_SUPERSEDED");
  WaitKey("k", 1);
  EXPECT_EQ(ErrorReason(values_.at("k").status()), "ATTEMPT_SUPERSEDED");
}

TEST_F(RendezvousTest, CloseAnswersAllWhoWait) {
  Open(2);
  Join(0, "x", "waits");
  WaitKey("k", 10);
  rendezvous_.Close(attempt_);
  EXPECT_EQ(ReasonOf("waits"), "ATTEMPT_SUPERSEDED");
  EXPECT_EQ(ErrorReason(values_.at("k").status()), "ATTEMPT_SUPERSEDED");
  rendezvous_.Close(attempt_);
  EXPECT_THAT(outcomes_, IsEmpty());
}

TEST_F(RendezvousTest, StopSendsAllToTheNextCoordinator) {
  Open(2);
  Join(0, "x", "waits");
  WaitKey("k", 10);
  rendezvous_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(joined_.at("waits").status()));
  EXPECT_TRUE(absl::IsUnavailable(values_.at("k").status()));
  Join(1, "y", "comes");
  EXPECT_EQ(ReasonOf("comes"), "SHUTTING_DOWN");
  EXPECT_EQ(ErrorReason(SetKey("k", "v")), "SHUTTING_DOWN");
}

TEST_F(RendezvousTest, AKeyIsWrittenOnce) {
  Open(1);
  EXPECT_TRUE(SetKey("k", "v").ok());
  EXPECT_TRUE(SetKey("k", "v").ok());
  const absl::Status status = SetKey("k", "w");
  EXPECT_EQ(ErrorReason(status), "KEY_EXISTS");
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  WaitKey("k", 0);
  EXPECT_EQ(*values_.at("k"), "v");
}

TEST_F(RendezvousTest, AKeyIsWaitedFor) {
  Open(1);
  WaitKey("a", 10);
  WaitKey("b", 10);
  EXPECT_TRUE(SetKey("a", std::string("\0bytes", 6)).ok());
  EXPECT_EQ(*values_.at("a"), std::string("\0bytes", 6));
  EXPECT_FALSE(values_.contains("b"));
  Advance(absl::Seconds(10));
  EXPECT_EQ(ErrorReason(values_.at("b").status()), "KEY_TIMEOUT");
  EXPECT_THAT(std::string(values_.at("b").status().message()),
              HasSubstr("\"b\" was not set within 10s"));
}

TEST_F(RendezvousTest, NoKeyIsWaitedForLongerThanRanks) {
  Open(1);
  WaitKey("a", 1'000'000);
  Advance(kTimeout);
  EXPECT_EQ(ErrorReason(values_.at("a").status()), "KEY_TIMEOUT");
}

TEST_F(RendezvousTest, KeysAreBounded) {
  Open(1);
  EXPECT_TRUE(
      SetKey(std::string(1 << 10, 'k'), std::string(64 << 10, 'v')).ok());
  EXPECT_EQ(ErrorReason(SetKey(std::string((1 << 10) + 1, 'k'), "v")),
            "KEY_TOO_LARGE");
  const absl::Status status = SetKey("k", std::string((64 << 10) + 1, 'v'));
  EXPECT_EQ(ErrorReason(status), "KEY_TOO_LARGE");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("value: has 65537 bytes; at most 65536"));
  const std::string key((1 << 10) + 1, 'k');
  WaitKey(key, 1);
  EXPECT_EQ(ErrorReason(values_.at(key).status()), "KEY_TOO_LARGE");
}

TEST_F(RendezvousTest, KeysOfAttemptsAreApart) {
  Open(1);
  EXPECT_TRUE(SetKey("k", "v").ok());
  rendezvous_.Open({"jobs/a", 2}, 1, kTimeout, false);
  worker::v1::SetKeyRequest request;
  *request.mutable_caller() = CallerOf(0);
  request.mutable_caller()->set_attempt(2);
  request.set_key("k");
  request.set_value("w");
  EXPECT_TRUE(rendezvous_.SetKey(request).ok());
}

// An answer may come back with the next call: no lock is held.
TEST_F(RendezvousTest, AnAnswerMayCallAgain) {
  Open(1);
  std::optional<absl::Status> set;
  worker::v1::JoinRequest request;
  *request.mutable_caller() = CallerOf(0);
  rendezvous_.Join(request,
                   [&](const absl::StatusOr<int>&) { set = SetKey("k", "v"); });
  rendezvous_.Welcome(attempt_);
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->ok());
}

}  // namespace
}  // namespace lockstep
