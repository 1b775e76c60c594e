#include "worker/prepare/job_error.h"

#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"

namespace lockstep {
namespace {

TEST(JobErrorTest, ReasonIsTheEndCauseThatTheCodeStandsFor) {
  EXPECT_EQ(ToJobError(absl::InvalidArgumentError("m")).reason(),
            "INVALID_INPUT");
  EXPECT_EQ(ToJobError(absl::NotFoundError("m")).reason(), "INVALID_INPUT");
  EXPECT_EQ(ToJobError(absl::FailedPreconditionError("m")).reason(),
            "USER_ERROR");
  EXPECT_EQ(ToJobError(absl::ResourceExhaustedError("m")).reason(),
            "STORAGE_FULL");
  EXPECT_EQ(ToJobError(absl::AbortedError("m")).reason(), "INPUT_CHANGED");
  EXPECT_EQ(ToJobError(absl::InternalError("m")).reason(), "WORKER_CRASH");
}

TEST(JobErrorTest, ReasonOfTheStatusItselfGoesFirst) {
  const absl::Status status =
      errors::Error(absl::StatusCode::kFailedPrecondition,
                    "OUTPUT_NOT_WRITABLE", "output_dir: /proc/out");

  EXPECT_EQ(ToJobError(status).reason(), "OUTPUT_NOT_WRITABLE");
  EXPECT_EQ(ToJobError(status).message(), "output_dir: /proc/out");
}

TEST(JobErrorTest, ExitCodeOfInputTellsWhoseFaultItIs) {
  EXPECT_EQ(ExitCodeOfInput(absl::InvalidArgumentError("m")), kInvalidInput);
  EXPECT_EQ(ExitCodeOfInput(absl::FailedPreconditionError("m")), kUserError);
  EXPECT_EQ(ExitCodeOfInput(absl::ResourceExhaustedError("m")), kStorageFull);
  EXPECT_EQ(ExitCodeOfInput(absl::InternalError("m")), kFailure);
  EXPECT_EQ(ExitCodeOfInput(absl::AbortedError("m")), kInputChanged);
}

TEST(JobErrorTest, ExitCodeOfReportTellsWhetherAnotherTryMakesSense) {
  EXPECT_EQ(ExitCodeOfReport(absl::UnavailableError("away")), kCoordinatorLost);
  EXPECT_EQ(ExitCodeOfReport(errors::AttemptSuperseded("jobs/a", 0)),
            kSuperseded);
  EXPECT_EQ(ExitCodeOfReport(errors::TokenInvalid()), kSuperseded);
  EXPECT_EQ(ExitCodeOfReport(absl::InternalError("m")), kFailure);
}

}  // namespace
}  // namespace lockstep
