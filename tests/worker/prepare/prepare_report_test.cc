// What the coordinator and the parent process are told.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "tests/worker/prepare/prepare_fixture.h"
#include "worker/prepare/outcome.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// Remembers the report and answers it with `answer`.
class PrepareListener : public FakeCoordinator {
 public:
  absl::Status ReportPrepared(const v1::Plan& told) override {
    plan = told;
    return answer;
  }
  absl::Status ReportPrepareFailed(const v1::JobError& told) override {
    error = told;
    return answer;
  }

  absl::Status answer;
  v1::Plan plan;
  v1::JobError error;
};

class PrepareReportTest : public PrepareFixture {
 protected:
  int Prepare() { return Tell(OutcomeOf(Plan()), coordinator_); }

  PrepareListener coordinator_;
};

TEST_F(PrepareReportTest, PlanIsReported) {
  EXPECT_EQ(Prepare(), kOk);

  EXPECT_EQ(coordinator_.plan.rows(), 28);
  EXPECT_THAT(coordinator_.plan.token_cache(), HasSubstr(Path("cache/")));
  EXPECT_EQ(coordinator_.error.reason(), "");
}

TEST_F(PrepareReportTest, BadInputIsReportedWithItsReason) {
  WriteData("{\"text\": 7}\n");

  EXPECT_EQ(Prepare(), kInvalidInput);

  EXPECT_EQ(coordinator_.error.reason(), "INVALID_INPUT");
  EXPECT_THAT(coordinator_.error.message(), HasSubstr("train.jsonl:1"));
  EXPECT_EQ(coordinator_.plan.rows(), 0);
}

TEST_F(PrepareReportTest, OutputFolderHasAReasonOfItsOwn) {
  spec_.set_output_dir("/proc/out");

  EXPECT_EQ(Prepare(), kUserError);

  EXPECT_EQ(coordinator_.error.reason(), "OUTPUT_NOT_WRITABLE");
}

TEST_F(PrepareReportTest, CoordinatorThatStaysAwayMeansAnotherTry) {
  coordinator_.answer = absl::UnavailableError("away");

  EXPECT_EQ(Prepare(), kCoordinatorLost);
}

TEST_F(PrepareReportTest, JobThatIsOverIsLeftAlone) {
  coordinator_.answer = errors::AttemptSuperseded("jobs/a", 0);

  EXPECT_EQ(Prepare(), kSuperseded);
}

}  // namespace
}  // namespace lockstep::testing
