// NCCL's code on a machine with one GPU: two processes that NCCL takes for two
// hosts, and that talk through sockets. Each test runs in both; the second is
// this program again, told by its environment that it is rank 1.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "worker/comm/nccl_communicator.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

constexpr int kRanks = 2;
// Set for rank 1 alone: the end of a pipe that it reads from.
constexpr char kPipe[] = "LOCKSTEP_TEST_PIPE";

const bool kIsSecond = std::getenv(kPipe) != nullptr;
const int kRank = kIsSecond ? 1 : 0;
// Before the first call to NCCL.
const int kEnvironment =
    setenv("NCCL_HOSTID", kIsSecond ? "second" : "first", 1) |
    setenv("NCCL_NET", "Socket", 1) | setenv("NCCL_SOCKET_IFNAME", "lo", 1) |
    setenv("NCCL_IB_DISABLE", "1", 1) | setenv("NCCL_MAX_CTAS", "2", 1) |
    setenv("NCCL_NVLS_ENABLE", "0", 1);

// Its one key goes through a pipe from rank 0 to rank 1.
class PipeCoordinator : public FakeCoordinator {
 public:
  explicit PipeCoordinator(int pipe) : pipe_(pipe) {}

  absl::Status SetKey(absl::string_view, absl::string_view value) override {
    const bool all = write(pipe_, value.data(), value.size()) ==
                     static_cast<ssize_t>(value.size());
    close(pipe_);
    return all ? absl::OkStatus() : absl::InternalError("write to the pipe");
  }
  absl::StatusOr<std::string> WaitKey(absl::string_view,
                                      absl::Duration) override {
    std::string value;
    char buffer[512];
    while (const ssize_t size = read(pipe_, buffer, sizeof(buffer))) {
      if (size < 0) return absl::InternalError("read from the pipe");
      value.append(buffer, size);
    }
    return value;
  }

 private:
  const int pipe_;
};

// A place among the ranks; nothing here is sent between hosts.
class Place : public Communicator {
 public:
  int rank() const override { return kRank; }
  int world_size() const override { return kRanks; }
  absl::Status AllReduceSum(at::Tensor&) override { return Nothing(); }
  absl::Status BeginAllGather(const at::Tensor&, const at::Tensor&) override {
    return Nothing();
  }
  absl::Status Broadcast(at::Tensor&, int) override { return Nothing(); }
  absl::Status Barrier() override { return Nothing(); }
  void Abort() override {}

 private:
  static absl::Status Nothing() {
    return absl::UnimplementedError("there is no group on the host");
  }
};

// This program again, with one test, as rank 1.
pid_t StartSecond(int pipe) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string filter = absl::StrCat(
      "--gtest_filter=", test->test_suite_name(), ".", test->name());
  const std::string number = absl::StrCat(pipe);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setenv(kPipe, number.c_str(), 1);
  execl("/proc/self/exe", "second", filter.c_str(), nullptr);
  _exit(127);
}

class OneGpuNcclTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(kEnvironment, 0);
    if (kIsSecond) {
      ASSERT_TRUE(absl::SimpleAtoi(std::getenv(kPipe), &pipe_));
    } else {
      int ends[2];
      // The end that is written to stays here, or its reader would not see
      // that it is closed.
      ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
      ASSERT_EQ(fcntl(ends[0], F_SETFD, 0), 0);
      second_ = StartSecond(ends[0]);
      close(ends[0]);
      pipe_ = ends[1];
    }
    // After the fork: CUDA is not in the second's past.
    ASSERT_TRUE(at::hasCUDA()) << "a GPU is needed";
  }
  void TearDown() override {
    group_.reset();
    if (kIsSecond) return;
    int status = -1;
    ASSERT_EQ(waitpid(second_, &status, 0), second_);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "rank 1 ended with status " << status;
  }

  void Connect(const NcclOptions& options = {}) {
    PipeCoordinator coordinator(pipe_);
    auto connected =
        ConnectNccl(coordinator, std::make_unique<Place>(), options);
    ASSERT_TRUE(connected.ok()) << connected.status();
    group_ = *std::move(connected);
  }

  static at::Tensor Full(int64_t size, float value) {
    return at::full({size}, value, at::device(at::kCUDA).dtype(at::kFloat));
  }

  int pipe_ = -1;
  pid_t second_ = -1;
  std::unique_ptr<Communicator> group_;
};

TEST_F(OneGpuNcclTest, RanksAddGatherAndBroadcast) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  at::Tensor sum = Full(100'003, kRank + 1.5f);
  at::Tensor sent = Full(17, kRank);

  ASSERT_TRUE(group_->AllReduceSum(sum).ok());
  ASSERT_TRUE(group_->Broadcast(sent, /*root=*/1).ok());
  const auto gathered = group_->AllGather(Full(3, kRank));

  EXPECT_TRUE(at::equal(sum.cpu(), at::full({100'003}, 4.0f)));
  EXPECT_TRUE(at::equal(sent.cpu(), at::ones({17})));
  ASSERT_TRUE(gathered.ok()) << gathered.status();
  EXPECT_TRUE(at::equal((*gathered)[0].cpu(), at::zeros({3})));
  EXPECT_TRUE(at::equal((*gathered)[1].cpu(), at::ones({3})));
}

TEST_F(OneGpuNcclTest, SumsThatAreBegunWaitForWhatWasComputedBefore) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  const at::Tensor ones = at::ones({1024, 1024}, at::device(at::kCUDA));
  std::vector<at::Tensor> products;

  for (int i = 0; i < 8; ++i) {
    products.push_back(at::mm(ones, ones));
    ASSERT_TRUE(group_->BeginAllReduceSum(products.back()).ok());
  }
  ASSERT_TRUE(group_->FinishBegun().ok());

  for (const at::Tensor& product : products) {
    EXPECT_TRUE(at::equal(product.cpu(), at::full({1024, 1024}, 2048.0f)));
  }
}

// In the order in which they were begun, and after what was computed before.
TEST_F(OneGpuNcclTest, RowsAreGatheredBetweenSumsThatAreBegun) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  const auto gpu = at::device(at::kCUDA);
  const at::Tensor ones = at::ones({1024, 1024}, gpu);
  const at::Tensor sum = Full(100'003, 1);
  const at::Tensor all =
      at::zeros({kRanks, 1024, 1024}, gpu.dtype(at::kBFloat16));

  ASSERT_TRUE(group_->BeginAllReduceSum(sum).ok());
  const at::Tensor rows = at::mm(ones, ones).mul_(kRank + 1).to(at::kBFloat16);
  ASSERT_TRUE(group_->BeginAllGather(rows, all).ok());
  ASSERT_TRUE(group_->BeginAllReduceSum(sum).ok());
  ASSERT_TRUE(group_->FinishBegun().ok());

  EXPECT_TRUE(at::equal(sum.cpu(), at::full({100'003}, 4.0f)));
  for (int rank = 0; rank < kRanks; ++rank) {
    EXPECT_TRUE(at::equal(
        all[rank].cpu().to(at::kFloat),
        at::full({1024, 1024}, 1024.0f * static_cast<float>(rank + 1))));
  }
}

TEST_F(OneGpuNcclTest, ARankThatDoesNotComeIsNoticedAtTheDeadline) {
  ASSERT_NO_FATAL_FAILURE(Connect({.timeout = absl::Milliseconds(500)}));
  at::Tensor buffer = Full(1000, 1);
  ASSERT_TRUE(group_->AllReduceSum(buffer).ok());
  if (kIsSecond) return;

  const absl::Status late = group_->AllReduceSum(buffer);

  // The other has left, or has not come.
  EXPECT_TRUE(absl::IsDeadlineExceeded(late) || absl::IsUnavailable(late))
      << late;
  EXPECT_THAT(std::string(late.message()),
              HasSubstr("collective 2, all-reduce of 4000 bytes, pending"));
}

}  // namespace
}  // namespace lockstep
