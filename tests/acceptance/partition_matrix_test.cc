// A13: ranks train on another host than the coordinator, over TLS, and the
// cable between them is cut in both directions or one, loses packets, or is
// slow. A short break costs nothing; a long one ends the attempt, by name, and
// the next one goes on. Whatever happened, the run ends in the bits of an
// undisturbed one, one writer at a time, and no point is lost or seen twice.

#include <signal.h>
#include <sys/stat.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/metric_reader.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/cable.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr LongRun kRun = {.steps = 300, .save_steps = 30};
// Told of after two of these.
constexpr char kHeartbeat[] = "500ms";
// Nobody else listens in this network.
constexpr int kPort = 4711;

constexpr CableWay kOpen = {};
constexpr CableWay kCut = {.cut = true};

struct Trouble {
  const char* name;
  CableWay to_ranks;
  CableWay to_coordinator;
};

constexpr Trouble kBreaks[] = {{"BothWays", kCut, kCut},
                               {"ToTheRanks", kCut, kOpen},
                               {"ToTheCoordinator", kOpen, kCut}};
constexpr Trouble kBadCables[] = {
    {"LosesAFifth", {.percent_lost = 20}, {.percent_lost = 20}},
    {"Of64Kilobits", {.bytes_per_second = 8000}, {.bytes_per_second = 8000}}};

std::string NameOf(const ::testing::TestParamInfo<Trouble>& info) {
  return info.param.name;
}

class PartitionTest : public ::testing::TestWithParam<Trouble> {
 protected:
  // Before there are threads.
  static void SetUpTestSuite() {
    if (cable_ == nullptr && Cable::Allowed()) cable_ = new Cable(SeedOfTest());
  }

  void SetUp() override {
    if (cable_ == nullptr) {
      GTEST_SKIP() << "two networks need CAP_NET_ADMIN and /dev/net/tun";
    }
    cable_->Set(kOpen, kOpen);
    ca_.Write(Path("ca.pem"));
    ca_.Issue({.common_name = "coordinator",
               .names = {absl::StrCat("IP:", Cable::kHere)}},
              Path("server.pem"), Path("server.key"));
    ca_.Issue({.common_name = "ann"}, Path("ann.pem"), Path("ann.key"));
    // All processes of jobs run there.
    WriteFile(Path("worker"),
              absl::StrCat("#!/bin/sh\nexec ",
                           absl::StrJoin(cable_->ThereCommand(), " "), " ",
                           BinDir(), "/lockstep-worker \"$@\"\n"));
    ASSERT_EQ(chmod(Path("worker").c_str(), 0700), 0);
  }

  std::string Path(const std::string& name) const { return dir_.Path(name); }

  void Start(const std::string& hang_timeout) {
    const std::string address = absl::StrCat(Cable::kHere, ":", kPort);
    cluster_ = std::make_unique<TestCluster>(
        2,
        std::vector<std::string>{
            "--worker", Path("worker"), "--tls-cert", Path("server.pem"),
            "--tls-key", Path("server.key"), "--tls-ca", Path("ca.pem"),
            "--tls-client-ca", Path("ca.pem"), "--heartbeat-interval",
            kHeartbeat, "--hang-timeout", hang_timeout},
        TestTls{address, Path("ca.pem"), Path("ann.pem"), Path("ann.key")});
    out_ = cluster_->Path("cut");
    reader_ = std::make_unique<MetricReader>(*cluster_, "cut");
    SubmitDetached(*cluster_, "cut", LongJob(out_, kRun));
  }

  void Spoil() { cable_->Set(GetParam().to_ranks, GetParam().to_coordinator); }
  void Mend() { cable_->Set(kOpen, kOpen); }

  // So many attempts, and the bits and the points of a run without trouble.
  void ExpectGoodEnd(int attempts) {
    const RunResult wait = cluster_->Lockstep({"wait", "cut"}, 300);
    ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster_->daemon_log();
    job_ = cluster_->GetJob("cut");
    EXPECT_THAT(job_.attempts(), SizeIs(attempts));
    EXPECT_EQ(AdapterIn(out_), Undisturbed());
    // The stream ends with the job.
    EXPECT_FALSE(reader_->ReadTo(kRun.steps + 1));
    EXPECT_THAT(reader_->steps(), SizeIs(kRun.steps));
    EXPECT_EQ(reader_->newest_step(), kRun.steps);
  }

  static const std::string& Undisturbed() {
    static const std::string adapter = UndisturbedAdapter(kRun);
    return adapter;
  }

  // Of all tests: what has threads by now stays in its network.
  static inline Cable* cable_ = nullptr;
  const TestCa ca_;
  ScopedTempDir dir_;
  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<MetricReader> reader_;
  std::string out_;
  v1::Job job_;
};

using PartitionBreakTest = PartitionTest;

TEST_P(PartitionBreakTest, AShortOneCostsNothing) {
  Start(/*hang_timeout=*/"60s");
  ASSERT_TRUE(reader_->ReadTo(40)) << cluster_->daemon_log();

  Spoil();
  cluster_->WaitForEvent("cut", "RANK_SILENT");
  const int64_t lost = cable_->lost();
  Mend();

  ASSERT_NO_FATAL_FAILURE(ExpectGoodEnd(/*attempts=*/1));
  EXPECT_GT(lost, 0);
  std::cout << "A13 partition_matrix: " << GetParam().name << ", " << lost
            << " packets lost until it was told, 1 attempt, the same bits, "
            << reader_->points() << " points once each\n";
}

TEST_P(PartitionBreakTest, ALongOneEndsTheAttemptAndTheNextGoesOn) {
  Start(/*hang_timeout=*/"3s");
  ASSERT_TRUE(reader_->ReadTo(40)) << cluster_->daemon_log();

  Spoil();
  const v1::Job cut = cluster_->WaitForJob("cut", [](const v1::Job& job) {
    return job.attempts(0).state() == v1::Attempt::ENDED;
  });
  Mend();

  ASSERT_NO_FATAL_FAILURE(ExpectGoodEnd(/*attempts=*/2));
  EXPECT_EQ(cut.attempts(0).end_cause(), v1::Attempt::HANG);
  EXPECT_THAT(cut.attempts(0).end_message(), HasSubstr("has said nothing for"));
  EXPECT_GE(job_.attempts(1).resume_step(), 30);
  std::cout << "A13 partition_matrix: " << GetParam().name << ": "
            << cut.attempts(0).end_message() << "; went on from step "
            << job_.attempts(1).resume_step() << ", the same bits, "
            << reader_->points() << " points once each\n";
}

INSTANTIATE_TEST_SUITE_P(Breaks, PartitionBreakTest,
                         ::testing::ValuesIn(kBreaks), NameOf);

using PartitionCableTest = PartitionTest;

TEST_P(PartitionCableTest, ABadOneIsTrainedOver) {
  Start(/*hang_timeout=*/"60s");
  Spoil();
  const absl::Time begin = absl::Now();

  ASSERT_NO_FATAL_FAILURE(ExpectGoodEnd(/*attempts=*/1));

  std::cout << "A13 partition_matrix: " << GetParam().name << ", "
            << cable_->lost() << " packets lost, done in "
            << absl::FormatDuration(
                   absl::Trunc(absl::Now() - begin, absl::Milliseconds(100)))
            << ", the same bits, " << reader_->points()
            << " points once each\n";
}

INSTANTIATE_TEST_SUITE_P(Cables, PartitionCableTest,
                         ::testing::ValuesIn(kBadCables), NameOf);

// A cable that comes and goes, as one with a loose plug.
using PartitionFlapTest = PartitionTest;

TEST_P(PartitionFlapTest, ALoosePlugCostsNothing) {
  constexpr int kMostBreaks = 10;
  constexpr int kPacketsABreak = 5;
  Start(/*hang_timeout=*/"60s");
  ASSERT_TRUE(reader_->ReadTo(10)) << cluster_->daemon_log();

  int breaks = 0;
  // Until it has ended, at the latest.
  do {
    Spoil();
    cable_->WaitForLost(kPacketsABreak);
    Mend();
    ++breaks;
  } while (breaks < kMostBreaks && reader_->ReadTo(reader_->newest_step() + 1));

  ASSERT_NO_FATAL_FAILURE(ExpectGoodEnd(/*attempts=*/1));
  std::cout << "A13 partition_matrix: " << breaks
            << " breaks of a loose plug, 1 attempt, the same bits, "
            << reader_->points() << " points once each\n";
}

INSTANTIATE_TEST_SUITE_P(Plugs, PartitionFlapTest,
                         ::testing::Values(kBreaks[0]), NameOf);

}  // namespace
}  // namespace lockstep::testing
