#include "proto/contract/end_cause.h"

#include <set>

#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/job_state.h"

namespace lockstep {
namespace {

TEST(EndCauseTest, BothMapsAreTotal) {
  const auto* type = v1::Attempt::EndCause_descriptor();
  for (int i = 0; i < type->value_count(); ++i) {
    const auto cause =
        static_cast<v1::Attempt::EndCause>(type->value(i)->number());
    const v1::Job::State next = NextJobState(cause);
    EXPECT_TRUE(IsTerminal(next) || next == v1::Job::QUEUED ||
                next == v1::Job::PAUSED)
        << EndCauseName(cause);
    // Only an end that is followed by another attempt can use one up.
    EXPECT_TRUE(!CountsAgainstMaxRestarts(cause) || next == v1::Job::QUEUED)
        << EndCauseName(cause);
  }
}

TEST(EndCauseTest, TheUsersFaultIsNotRetried) {
  EXPECT_EQ(NextJobState(v1::Attempt::INVALID_INPUT), v1::Job::FAILED);
  EXPECT_EQ(NextJobState(v1::Attempt::USER_ERROR), v1::Job::FAILED);
  EXPECT_EQ(NextJobState(v1::Attempt::INPUT_CHANGED), v1::Job::FAILED);
}

TEST(EndCauseTest, ACrashIsRetriedAndCounted) {
  EXPECT_EQ(NextJobState(v1::Attempt::WORKER_CRASH), v1::Job::QUEUED);
  EXPECT_TRUE(CountsAgainstMaxRestarts(v1::Attempt::WORKER_CRASH));
}

TEST(EndCauseTest, ALostNodeIsRetriedAndNotCounted) {
  EXPECT_EQ(NextJobState(v1::Attempt::NODE_LOST), v1::Job::QUEUED);
  EXPECT_FALSE(CountsAgainstMaxRestarts(v1::Attempt::NODE_LOST));
}

TEST(ExitCodeTest, EveryCodeHasACauseOfItsOwn) {
  EXPECT_EQ(CauseOfExit(kOk, 0), v1::Attempt::SUCCESS);
  EXPECT_EQ(CauseOfExit(kInvalidInput, 0), v1::Attempt::INVALID_INPUT);
  EXPECT_EQ(CauseOfExit(kUserError, 0), v1::Attempt::USER_ERROR);
  EXPECT_EQ(CauseOfExit(kInputChanged, 0), v1::Attempt::INPUT_CHANGED);
  EXPECT_EQ(CauseOfExit(kStorageFull, 0), v1::Attempt::STORAGE_FULL);
  EXPECT_EQ(CauseOfExit(kNotFinite, 0), v1::Attempt::NOT_FINITE);
  EXPECT_EQ(CauseOfExit(kOutOfMemory, 0), v1::Attempt::HOST_OUT_OF_MEMORY);
  EXPECT_EQ(CauseOfExit(kCoordinatorLost, 0), v1::Attempt::LOST);
  EXPECT_EQ(CauseOfExit(kStopped, 0), v1::Attempt::CANCELLED);
  EXPECT_EQ(CauseOfExit(kCannotStart, 0), v1::Attempt::ENGINE_ERROR);
  EXPECT_EQ(CauseOfExit(123, 0), v1::Attempt::WORKER_CRASH);
}

TEST(ExitCodeTest, ASignalIsACrashWhateverTheCode) {
  EXPECT_EQ(CauseOfExit(kOk, 9), v1::Attempt::WORKER_CRASH);
}

}  // namespace
}  // namespace lockstep
