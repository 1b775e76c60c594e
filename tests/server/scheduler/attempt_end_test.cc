#include "server/scheduler/attempt_end.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

class AttemptEndTest : public ::testing::Test {
 protected:
  void Exited(int exit_code, bool asked_to_stop = false, int signal = 0) {
    worker::v1::RankProcess rank;
    rank.set_rank(static_cast<int>(end_.ranks.size()));
    rank.set_exited(true);
    rank.set_exit_code(exit_code);
    rank.set_signal(signal);
    rank.set_asked_to_stop(asked_to_stop);
    end_.ranks.push_back(rank);
  }
  void Told(int rank, v1::Attempt::EndCause cause, const std::string& message) {
    live_.failures[rank].set_cause(cause);
    live_.failures[rank].set_message(message);
  }
  AttemptEnd Why() const { return WhyEnded(job_, live_, end_); }

  v1::Job job_;
  LiveAttempt live_;
  ProcessEnd end_;
};

TEST_F(AttemptEndTest, AllRanksToTheEndIsSuccess) {
  Exited(kOk);
  Exited(kOk);
  EXPECT_EQ(Why().cause, v1::Attempt::SUCCESS);
}

TEST_F(AttemptEndTest, AFinishWinsTheRaceAgainstACancel) {
  job_.set_desired(v1::Job::CANCEL);
  Exited(kOk);
  EXPECT_EQ(Why().cause, v1::Attempt::SUCCESS);
  Exited(kStopped, /*asked_to_stop=*/true);
  EXPECT_EQ(Why().cause, v1::Attempt::CANCELLED);
}

TEST_F(AttemptEndTest, ADrainIsWhyRanksStop) {
  live_.order.emplace();
  Exited(kStopped);
  Exited(kStopped, /*asked_to_stop=*/true);
  Exited(kPeerLost);
  EXPECT_EQ(Why().cause, v1::Attempt::PREEMPTED);
  // Not of what goes wrong meanwhile.
  Exited(0, false, /*signal=*/11);
  EXPECT_EQ(Why().cause, v1::Attempt::WORKER_CRASH);
}

TEST_F(AttemptEndTest, WhatRanksWereAskedToStopForIsTheCause) {
  live_.order = StopOrder{v1::Attempt::PAUSED, "paused by a user", ""};
  Exited(kStopped);
  EXPECT_EQ(Why().cause, v1::Attempt::PAUSED);
  EXPECT_EQ(Why().message, "paused by a user");
}

TEST_F(AttemptEndTest, ASupervisorThatIsLostWhileItStopsWasStopping) {
  live_.order = StopOrder{v1::Attempt::PREEMPTED, "a drain", ""};
  end_.signal = 9;
  EXPECT_EQ(Why().cause, v1::Attempt::PREEMPTED);
  EXPECT_EQ(Why().message, "a drain");
  // Not when a rank told what went wrong before.
  Told(0, v1::Attempt::STORAGE_FULL, "no space");
  EXPECT_EQ(Why().cause, v1::Attempt::STORAGE_FULL);
}

TEST_F(AttemptEndTest, TimeThatIsOverIsOverWhateverGoesWrongThen) {
  live_.order = StopOrder{v1::Attempt::TIME_LIMIT, "2h", ""};
  Told(0, v1::Attempt::STORAGE_FULL, "no space");
  EXPECT_EQ(Why().cause, v1::Attempt::TIME_LIMIT);
  Exited(kStorageFull);
  EXPECT_EQ(Why().cause, v1::Attempt::TIME_LIMIT);
  end_.ranks.clear();
  Exited(kOk);
  EXPECT_EQ(Why().cause, v1::Attempt::SUCCESS);
  Exited(kStorageFull);
  job_.set_desired(v1::Job::CANCEL);
  EXPECT_EQ(Why().cause, v1::Attempt::CANCELLED);
}

TEST_F(AttemptEndTest, ARankDoesNotSayWhatOthersAskedFor) {
  for (const v1::Attempt::EndCause cause :
       {v1::Attempt::PAUSED, v1::Attempt::PREEMPTED, v1::Attempt::TIME_LIMIT}) {
    Told(0, cause, "it says");
    Exited(kFailure);
    EXPECT_EQ(Why().cause, v1::Attempt::ENGINE_ERROR);
  }
}

TEST_F(AttemptEndTest, TheRankThatFailedItselfIsTheCause) {
  Exited(kPeerLost);
  Exited(0, false, /*signal=*/9);
  Exited(kStopped, /*asked_to_stop=*/true);
  EXPECT_EQ(Why().cause, v1::Attempt::WORKER_CRASH);
  EXPECT_THAT(Why().message, HasSubstr("rank 1 was ended by signal 9"));
}

TEST_F(AttemptEndTest, WhatTheKernelKilledForMemoryIsNoCrash) {
  Exited(kPeerLost);
  Exited(0, false, /*signal=*/9);
  end_.ranks[1].set_out_of_memory(true);
  EXPECT_EQ(Why().cause, v1::Attempt::HOST_OUT_OF_MEMORY);
  EXPECT_EQ(Why().message,
            "rank 1 was killed by the kernel, which had no memory left");
  EXPECT_TRUE(Why().another_may_help);
}

TEST_F(AttemptEndTest, ARankThatOthersWaitedForInVainIsNamed) {
  Told(0, v1::Attempt::HANG, "waited 30s for the others");
  Told(2, v1::Attempt::HANG, "waited 30s for the others");
  Exited(kFailure);
  Exited(0, /*asked_to_stop=*/true, /*signal=*/9);
  Exited(kFailure);
  EXPECT_EQ(Why().cause, v1::Attempt::HANG);
  EXPECT_EQ(Why().message,
            "rank 0: waited 30s for the others; "
            "rank 1 did not react and was killed");
}

TEST_F(AttemptEndTest, WhatTheRankToldIsBetterThanItsExitCode) {
  Told(0, v1::Attempt::STORAGE_FULL, "write /out: no space");
  Exited(kStorageFull);
  Exited(kPeerLost);
  EXPECT_EQ(Why().cause, v1::Attempt::STORAGE_FULL);
  EXPECT_EQ(Why().message, "rank 0: write /out: no space");
}

TEST_F(AttemptEndTest, AToldFailureCountsThoughTheRankWasStoppedBeforeItsExit) {
  Told(1, v1::Attempt::NOT_FINITE, "loss is nan");
  Exited(kPeerLost);
  Exited(0, /*asked_to_stop=*/true, /*signal=*/15);
  EXPECT_EQ(Why().cause, v1::Attempt::NOT_FINITE);
}

TEST_F(AttemptEndTest, AProgramThatIsMissingIsNotTriedAgain) {
  Exited(kCannotStart);
  Exited(0, /*asked_to_stop=*/true, /*signal=*/15);
  EXPECT_EQ(Why().cause, v1::Attempt::ENGINE_ERROR);
  EXPECT_FALSE(Why().another_may_help);
  EXPECT_THAT(Why().message, HasSubstr("rank 0 cannot be started: its program "
                                       "lockstep-rank"));
  end_.ranks.clear();
  Exited(kFailure);
  EXPECT_TRUE(Why().another_may_help);
}

TEST_F(AttemptEndTest, LostPeersAloneAreACrash) {
  Exited(kPeerLost);
  Exited(kPeerLost);
  EXPECT_EQ(Why().cause, CauseOfExit(kPeerLost, 0));
  EXPECT_THAT(Why().message, HasSubstr("lost the connection to another rank"));
}

TEST_F(AttemptEndTest, NobodyCancelsButTheCoordinator) {
  Told(0, v1::Attempt::CANCELLED, "I would like to");
  Exited(kFailure);
  EXPECT_EQ(Why().cause, v1::Attempt::ENGINE_ERROR);
  live_.failures.clear();
  end_.ranks.clear();
  Exited(kStopped);
  EXPECT_EQ(Why().cause, v1::Attempt::ENGINE_ERROR);
  EXPECT_THAT(Why().message, HasSubstr("nobody asked"));
}

TEST_F(AttemptEndTest, RanksStoppedFromOutsideAreNamed) {
  Exited(kStopped, /*asked_to_stop=*/true);
  EXPECT_EQ(Why().cause, v1::Attempt::ENGINE_ERROR);
  EXPECT_THAT(Why().message, HasSubstr("stopped from outside"));
}

TEST_F(AttemptEndTest, AVerdictOfTheSchedulerGoesFirst) {
  live_.verdict.emplace().set_cause(v1::Attempt::RENDEZVOUS_TIMEOUT);
  Exited(kFailure);
  EXPECT_EQ(Why().cause, v1::Attempt::RENDEZVOUS_TIMEOUT);
}

TEST_F(AttemptEndTest, ASupervisorThatWasKilledIsACrash) {
  end_.signal = 9;
  EXPECT_EQ(Why().cause, v1::Attempt::WORKER_CRASH);
  EXPECT_THAT(Why().message, HasSubstr("supervisor of the ranks was ended by"));
  end_.signal = 0;
  end_.exit_code = 2;
  EXPECT_EQ(Why().cause, v1::Attempt::WORKER_CRASH);
  Told(0, v1::Attempt::GPU_FAULT, "Xid 79");
  EXPECT_EQ(Why().cause, v1::Attempt::GPU_FAULT);
}

TEST_F(AttemptEndTest, NothingIsKnownOfWhatEndedUnseen) {
  EXPECT_EQ(Why().cause, v1::Attempt::LOST);
}

}  // namespace
}  // namespace lockstep
