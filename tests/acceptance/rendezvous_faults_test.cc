// A14: ranks that are missing or late when an attempt gathers, and strangers
// with its token that say they are a rank of it. Who is missing is named by the
// deadline and a second; whoever comes too often, too late or under a number
// that there is not is refused, and those who train do not notice.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/version.h"
#include "proto/contract/worker_version.h"
#include "server/scheduler/proto_time.h"
#include "tests/integration/long_run.h"
#include "tests/integration/process.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::SizeIs;
using worker::v1::WorkerService;

constexpr LongRun kRun = {.steps = 300, .save_steps = 30};
constexpr char kDeadline[] = "3s";
constexpr absl::Duration kPromised = absl::Seconds(3 + 1);

const std::string& Undisturbed() {
  static const std::string adapter = UndisturbedAdapter(kRun);
  return adapter;
}

// The programs, of which rank 1 goes on only once it is let.
class RanksThatWait {
 public:
  RanksThatWait() {
    fs::copy_file(BinDir() + "/lockstep-worker", dir_.Path("lockstep-worker"));
    WriteFile(
        dir_.Path("lockstep-rank"),
        absl::StrCat("#!/bin/sh\ncase \"$*\" in *'--rank 1 '*)\n"
                     "  [ ! -p ",
                     Gate(), " ] || read -r go < ", Gate(), ";;\nesac\nexec ",
                     BinDir(), "/lockstep-rank \"$@\"\n"));
    chmod(dir_.Path("lockstep-rank").c_str(), 0700);
  }
  std::string worker() const { return dir_.Path("lockstep-worker"); }
  void Shut() const { ASSERT_EQ(mkfifo(Gate().c_str(), 0600), 0); }
  // For those who come from now on.
  void Open() const { fs::remove(Gate()); }

 private:
  std::string Gate() const { return dir_.Path("gate"); }

  const ScopedTempDir dir_;
};

class RendezvousFaultsTest : public ::testing::Test {
 protected:
  void Submit() { SubmitDetached(cluster_, "meet", LongJob(out_, kRun)); }

  // Whoever has read the attempt's token.
  std::unique_ptr<grpc::ClientContext> Stranger(int attempt) {
    auto context = std::make_unique<grpc::ClientContext>();
    std::string token;
    std::ifstream(
        cluster_.Path(absl::StrCat("state/jobs/", cluster_.GetJob("meet").uid(),
                                   "/attempt-", attempt, "/token"))) >>
        token;
    EXPECT_FALSE(token.empty());
    context->AddMetadata("authorization", "Bearer " + token);
    context->AddMetadata(kVersionMetadata, VersionText());
    return context;
  }
  static worker::v1::Caller Rank(int attempt, int rank) {
    worker::v1::Caller caller;
    caller.set_job("jobs/meet");
    caller.set_attempt(attempt);
    caller.set_rank(rank);
    return caller;
  }
  // Why it is refused to join.
  std::string Join(grpc::ClientContext& context, int attempt, int rank) {
    worker::v1::JoinRequest request;
    *request.mutable_caller() = Rank(attempt, rank);
    request.set_incarnation("a stranger");
    worker::v1::JoinResponse response;
    return ErrorReason(
        FromGrpcStatus(workers_->Join(&context, request, &response)));
  }

  v1::Job ExpectGoodEnd(int attempts) {
    const RunResult wait = cluster_.Lockstep({"wait", "meet"});
    EXPECT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
    EXPECT_EQ(AdapterIn(out_), Undisturbed());
    v1::Job job = cluster_.GetJob("meet");
    EXPECT_THAT(job.attempts(), SizeIs(attempts));
    return job;
  }

  const RanksThatWait ranks_;
  TestCluster cluster_{
      2, {"--worker", ranks_.worker(), "--rendezvous-timeout", kDeadline}};
  const std::string out_ = cluster_.Path("meet");
  const std::unique_ptr<WorkerService::Stub> workers_ =
      WorkerService::NewStub(grpc::CreateChannel(
          cluster_.address(), grpc::InsecureChannelCredentials()));
};

TEST_F(RendezvousFaultsTest, WhoIsMissingIsNamedAndTheNextAttemptGoesOn) {
  ranks_.Shut();
  Submit();
  cluster_.WaitForEvent("meet", "RENDEZVOUS_TIMEOUT");
  // Late: it joins what is over, and so is its token.
  const auto late = Stranger(/*attempt=*/1);
  ranks_.Open();
  const v1::Job ended = cluster_.WaitForJob("meet", [](const v1::Job& job) {
    return job.attempts(0).state() == v1::Attempt::ENDED;
  });
  const std::string refused = Join(*late, 1, /*rank=*/1);

  const v1::Job job = ExpectGoodEnd(/*attempts=*/2);

  const v1::Attempt& first = job.attempts(0);
  EXPECT_EQ(first.end_cause(), v1::Attempt::RENDEZVOUS_TIMEOUT);
  EXPECT_EQ(first.end_message(), "rank 1 did not join within 3s");
  const absl::Duration took =
      FromProto(first.end_time()) - FromProto(first.start_time());
  EXPECT_GE(took, absl::Seconds(3));
  EXPECT_LE(took, kPromised);
  EXPECT_EQ(refused, "TOKEN_INVALID");
  std::cout << "A14 rendezvous_faults: " << first.end_message()
            << ", ended after " << absl::FormatDuration(took)
            << "; attempt 2 ended in the same bits\n";
}

TEST_F(RendezvousFaultsTest, StrangersAreRefusedAndNobodyElseNotices) {
  Submit();
  ASSERT_TRUE(TrainedPast(cluster_, "meet", 10));

  // A second process of a rank, and ranks of a larger world.
  EXPECT_EQ(Join(*Stranger(1), 1, /*rank=*/0), "RANK_TAKEN");
  EXPECT_EQ(Join(*Stranger(1), 1, /*rank=*/1), "RANK_TAKEN");
  EXPECT_EQ(Join(*Stranger(1), 1, /*rank=*/2), "INVALID_RANK");
  EXPECT_EQ(Join(*Stranger(1), 1, /*rank=*/-1), "INVALID_RANK");
  // Another attempt than the token's.
  EXPECT_NE(Join(*Stranger(1), 2, /*rank=*/0), "");

  ExpectGoodEnd(/*attempts=*/1);
  std::cout << "A14 rendezvous_faults: 5 strangers refused, 1 attempt, the "
               "same bits\n";
}

// The id of a communicator is one of these keys.
TEST_F(RendezvousFaultsTest, AKeyThatIsSaidAgainIsRefused) {
  Submit();
  ASSERT_TRUE(TrainedPast(cluster_, "meet", 10));
  worker::v1::SetKeyRequest request;
  *request.mutable_caller() = Rank(1, 0);
  request.set_key("id");
  worker::v1::SetKeyResponse response;
  request.set_value("first");
  EXPECT_TRUE(workers_->SetKey(Stranger(1).get(), request, &response).ok());
  request.set_value("second");
  const grpc::Status again =
      workers_->SetKey(Stranger(1).get(), request, &response);
  EXPECT_EQ(ErrorReason(FromGrpcStatus(again)), "KEY_EXISTS")
      << again.error_message();

  ExpectGoodEnd(/*attempts=*/1);
}

}  // namespace
}  // namespace lockstep::testing
