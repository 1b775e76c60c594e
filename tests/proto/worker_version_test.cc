#include "proto/contract/worker_version.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/version.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

bool Fits(const char* worker, const char* coordinator) {
  return CheckWorkerVersion(worker, coordinator).ok();
}

TEST(WorkerVersionTest, TheSameReleaseFitsWhateverTheRevision) {
  EXPECT_TRUE(Fits("0.3.1 (abc)", "0.3.1 (def-dirty)"));
  EXPECT_TRUE(CheckWorkerVersion(VersionText(), VersionText()).ok());
  EXPECT_TRUE(Fits(kFirstVersion, "0.1.0 (abc)"));
}

TEST(WorkerVersionTest, TheReleaseBeforeFitsAndNoOther) {
  EXPECT_TRUE(Fits("0.3.0", "0.3.1"));
  EXPECT_TRUE(Fits("0.2.9", "0.3.1"));
  EXPECT_FALSE(Fits("0.1.9", "0.3.1"));
  EXPECT_FALSE(Fits("0.9.0", "1.0.0"));
}

TEST(WorkerVersionTest, ANewerOneDoesNotFit) {
  EXPECT_FALSE(Fits("0.3.2", "0.3.1"));
  EXPECT_FALSE(Fits("0.4.0", "0.3.1"));
  EXPECT_FALSE(Fits("1.3.1", "0.3.1"));
}

TEST(WorkerVersionTest, WhatIsNoVersionDoesNotFit) {
  for (const char* text : {"", "x", "1.2", "1.2.3.4", "1..3", "a.b.c"}) {
    EXPECT_FALSE(Fits(text, "0.3.1")) << text;
  }
}

TEST(WorkerVersionTest, TheRefusalNamesBoth) {
  const absl::Status status = CheckWorkerVersion("0.4.0 (abc)", "0.3.1 (def)");

  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ErrorReason(status), "VERSION_MISMATCH");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("lockstep-worker is 0.4.0 (abc)"),
                    HasSubstr("lockstepd is 0.3.1 (def)")));
}

}  // namespace
}  // namespace lockstep
