#include "worker/train/rank_end.h"

#include <gtest/gtest.h>

#include "proto/contract/errors.h"

namespace lockstep {
namespace {

void ExpectEnd(const absl::Status& error, ExitCode code,
               v1::Attempt::EndCause cause) {
  const RankEnd end = EndOfRank(error);
  EXPECT_EQ(end.exit_code, code) << error;
  EXPECT_EQ(end.cause, cause) << error;
}

TEST(RankEndTest, AMarkedCauseDecidesBoth) {
  const std::pair<v1::Attempt::EndCause, ExitCode> cases[] = {
      {v1::Attempt::INVALID_INPUT, kInvalidInput},
      {v1::Attempt::USER_ERROR, kUserError},
      {v1::Attempt::INPUT_CHANGED, kInputChanged},
      {v1::Attempt::STORAGE_FULL, kStorageFull},
      {v1::Attempt::NOT_FINITE, kNotFinite},
      {v1::Attempt::HOST_OUT_OF_MEMORY, kOutOfMemory},
      {v1::Attempt::LOST, kCoordinatorLost},
      {v1::Attempt::WORKER_CRASH, kFailure},
  };
  for (const auto& [cause, code] : cases) {
    ExpectEnd(WithCause(cause, absl::InternalError("it broke")), code, cause);
  }
}

TEST(RankEndTest, ExitCodesSayTheSameCauseToASupervisor) {
  for (v1::Attempt::EndCause cause :
       {v1::Attempt::INVALID_INPUT, v1::Attempt::USER_ERROR,
        v1::Attempt::INPUT_CHANGED, v1::Attempt::STORAGE_FULL,
        v1::Attempt::NOT_FINITE, v1::Attempt::HOST_OUT_OF_MEMORY,
        v1::Attempt::LOST, v1::Attempt::WORKER_CRASH}) {
    const RankEnd end =
        EndOfRank(WithCause(cause, absl::InternalError("it broke")));
    EXPECT_EQ(CauseOfExit(end.exit_code, /*signal=*/0), cause);
  }
}

TEST(RankEndTest, TheMarkClosestToTheFaultStays) {
  const absl::Status inner =
      WithCause(v1::Attempt::INPUT_CHANGED, absl::DataLossError("torn"));

  ExpectEnd(WithCause(v1::Attempt::STORAGE_FULL, inner), kInputChanged,
            v1::Attempt::INPUT_CHANGED);
  EXPECT_TRUE(WithCause(v1::Attempt::LOST, absl::OkStatus()).ok());
}

TEST(RankEndTest, ALostPeerHasNothingToTell) {
  ExpectEnd(absl::UnavailableError("all-reduce failed"), kPeerLost,
            v1::Attempt::END_CAUSE_UNSPECIFIED);
}

TEST(RankEndTest, ACoordinatorThatStaysAwayIsNotAPeer) {
  ExpectEnd(FromCoordinator(absl::UnavailableError("away for 10m")),
            kCoordinatorLost, v1::Attempt::LOST);
  ExpectEnd(FromCoordinator(absl::DeadlineExceededError("no answer")),
            kCoordinatorLost, v1::Attempt::LOST);
}

TEST(RankEndTest, ARendezvousThatFailsKeepsItsReason) {
  ExpectEnd(
      FromCoordinator(errors::Error(absl::StatusCode::kDeadlineExceeded,
                                    "RENDEZVOUS_TIMEOUT", "rank 1 is missing")),
      kFailure, v1::Attempt::RENDEZVOUS_TIMEOUT);
}

TEST(RankEndTest, AnAttemptThatIsOverEndsQuietly) {
  for (const absl::Status& refusal :
       {errors::AttemptSuperseded("jobs/a", 1), errors::TokenInvalid(),
        absl::FailedPreconditionError("no such attempt")}) {
    ExpectEnd(FromCoordinator(refusal), kSuperseded,
              v1::Attempt::END_CAUSE_UNSPECIFIED);
  }
}

TEST(RankEndTest, WhatNobodyMarkedIsJudgedByItsCode) {
  ExpectEnd(absl::ResourceExhaustedError("disk full"), kStorageFull,
            v1::Attempt::STORAGE_FULL);
  ExpectEnd(absl::InternalError("?"), kFailure, v1::Attempt::WORKER_CRASH);
}

}  // namespace
}  // namespace lockstep
