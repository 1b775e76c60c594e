// Clients that open a stream and do not read: they cost a bounded amount of
// memory, delay nobody, and miss nothing when they read at last.

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/address_sanitizer.h"

namespace lockstep {
namespace {

using ::lockstep::testing::kAddressSanitizer;
using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;

constexpr int kSlowReaders = 16;
// Both ends of all streams together. Without a bound it would be all that there
// is to be read, 16 times.
// AddressSanitizer keeps up to 256 MiB of what was freed.
constexpr int64_t kMostBytes =
    kAddressSanitizer ? int64_t{320} << 20 : int64_t{16} << 20;

// Of this process, which is client and coordinator.
int64_t ResidentBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    int64_t kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes << 10;
  }
  ADD_FAILURE() << "no VmRSS";
  return 0;
}

// A call whose answers are read when the test likes.
template <typename Response>
struct Stream {
  TestContext context;
  std::unique_ptr<grpc::ClientReader<Response>> reader;
};

class SlowReaderTest : public ServiceFixture {
 protected:
  SlowReaderTest() {
    Create("a");
    token_ = Prepare("a");
    // A real socket, with the flow control that it has; the client would let
    // its own part of that grow to some MiB.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::JobService::NewStub(grpc::CreateCustomChannel(
        address(), grpc::InsecureChannelCredentials(), arguments));
  }

  std::unique_ptr<Stream<v1::StreamLogsResponse>> OpenLog() {
    auto stream = std::make_unique<Stream<v1::StreamLogsResponse>>();
    v1::StreamLogsRequest request;
    request.set_name("jobs/a");
    stream->reader = stub_->StreamLogs(&stream->context, request);
    return stream;
  }

  std::unique_ptr<Stream<v1::StreamMetricsResponse>> OpenMetrics() {
    auto stream = std::make_unique<Stream<v1::StreamMetricsResponse>>();
    v1::StreamMetricsRequest request;
    request.set_name("jobs/a");
    stream->reader = stub_->StreamMetrics(&stream->context, request);
    return stream;
  }

  // Reads to the end; how much `count` finds in all messages.
  template <typename Response, typename Count>
  int64_t ReadAll(Stream<Response>& stream, Count count) {
    Response response;
    int64_t total = 0;
    while (stream.reader->Read(&response)) total += count(response);
    const grpc::Status status = stream.reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return total;
  }

  std::string token_;
  std::unique_ptr<v1::JobService::Stub> stub_;
};

TEST_F(SlowReaderTest, OfALogCostLittleAndMissNothing) {
  const std::string line = std::string(99, 'x') + "\n";
  std::string block;
  while (block.size() < size_t{4} << 20) block += line;
  int64_t written = 0;
  for (int i = 0; i < 12; ++i) {
    WriteLog("a", 1, 0, block);
    written += static_cast<int64_t>(block.size());
  }
  const auto bytes = [](const v1::StreamLogsResponse& lines) {
    return static_cast<int64_t>(lines.data().size());
  };
  // Warm: whatever one stream needs is there before it is measured.
  EXPECT_EQ(ReadAll(*OpenLog(), bytes), written);
  const int64_t before = ResidentBytes();

  std::vector<std::unique_ptr<Stream<v1::StreamLogsResponse>>> slow;
  slow.reserve(kSlowReaders);
  v1::StreamLogsResponse first;
  for (int i = 0; i < kSlowReaders; ++i) {
    slow.push_back(OpenLog());
    ASSERT_TRUE(slow.back()->reader->Read(&first));
  }
  // Who reads is not held up, and takes as long as it takes to send all of it:
  // nothing but the missing reads keeps the others' logs from being sent.
  EXPECT_EQ(ReadAll(*OpenLog(), bytes), written);
  const int64_t cost = ResidentBytes() - before;
  RecordProperty("bytes_for_16_slow_log_readers", static_cast<int>(cost));
  EXPECT_LT(cost, kMostBytes);

  // What is written now, the slow ones still see: it is read when it is sent.
  WriteLog("a", 1, 0, line);
  EXPECT_EQ(bytes(first) + ReadAll(*slow.front(), bytes),
            written + static_cast<int64_t>(line.size()));
}

TEST_F(SlowReaderTest, OfMetricsCostLittleAndMissNothing) {
  // More than fits any bound; AddressSanitizer takes its time for each.
  constexpr int64_t kPoints = kAddressSanitizer ? 30'000 : 150'000;
  constexpr int64_t kAtATime = 1000;
  const worker::v1::Caller caller = CallerOf("a", 1, 0);
  for (int64_t first = 1; first <= kPoints; first += kAtATime) {
    ASSERT_EQ(Report(token_, caller, first, first + kAtATime - 1),
              first + kAtATime - 1);
  }
  const auto points = [](const v1::StreamMetricsResponse& batch) {
    return int64_t{batch.points_size()};
  };
  EXPECT_EQ(ReadAll(*OpenMetrics(), points), kPoints);
  const int64_t before = ResidentBytes();

  std::vector<std::unique_ptr<Stream<v1::StreamMetricsResponse>>> slow;
  slow.reserve(kSlowReaders);
  v1::StreamMetricsResponse first;
  for (int i = 0; i < kSlowReaders; ++i) {
    slow.push_back(OpenMetrics());
    ASSERT_TRUE(slow.back()->reader->Read(&first));
  }
  EXPECT_EQ(ReadAll(*OpenMetrics(), points), kPoints);
  const int64_t cost = ResidentBytes() - before;
  RecordProperty("bytes_for_16_slow_metric_readers", static_cast<int>(cost));
  EXPECT_LT(cost, kMostBytes);

  // And training is not held up either.
  ASSERT_EQ(Report(token_, caller, kPoints + 1, kPoints + 7), kPoints + 7);
  EXPECT_EQ(points(first) + ReadAll(*slow.front(), points), kPoints + 7);
}

}  // namespace
}  // namespace lockstep
