// What `lockstep top` reads of a log, and how little of it.

#include "client/cli/top_feed.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/log_tail.h"
#include "client/mocks/mock_job_connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::StartsWith;

TEST(LogTailTest, KeepsTheNewestLinesAndTheirBeginnings) {
  LogTail tail(/*most_lines=*/2, /*most_bytes=*/4);
  tail.Add("one\ntwo\nth");
  EXPECT_THAT(tail.lines(), ElementsAre("two", "th"));
  tail.Add("ree and more");
  tail.Add(" of it");
  EXPECT_THAT(tail.lines(), ElementsAre("two", "thre"));
  tail.Add("\n\n");
  EXPECT_THAT(tail.lines(), ElementsAre("thre", ""));
}

// A coordinator with one log, whose lines are made while they are sent.
class LongLog : public NiceMock<MockJobConnection> {
 public:
  LongLog() {
    ON_CALL(*this, ListJobs).WillByDefault(Return(v1::ListJobsResponse()));
    ON_CALL(*this, ListNodes).WillByDefault(Return(v1::ListNodesResponse()));
  }

  void Append(int count, char letter, size_t bytes) {
    absl::MutexLock lock(&mu_);
    lines_.insert(lines_.end(), count, {letter, bytes});
  }

  absl::Status StreamLogs(
      v1::StreamLogsRequest request,
      const OnMessage<v1::StreamLogsResponse>& on_message) override {
    std::vector<Line> lines;
    {
      absl::MutexLock lock(&mu_);
      lines = lines_;
    }
    size_t first = 0;
    if (!absl::SimpleAtoi(request.resume_token(), &first)) {
      first =
          lines.size() - std::min<size_t>(request.tail_lines(), lines.size());
    }
    for (size_t i = first; i < lines.size(); ++i) {
      if (!Send(lines[i], i + 1, on_message)) break;
    }
    return absl::OkStatus();
  }

  int64_t sent() const {
    absl::MutexLock lock(&mu_);
    return sent_;
  }

 private:
  struct Line {
    char letter;
    size_t bytes;
  };

  bool Send(const Line& line, size_t next,
            const OnMessage<v1::StreamLogsResponse>& on_message) {
    constexpr size_t kPiece = 32 << 10;
    for (size_t done = 0; done < line.bytes; done += kPiece) {
      v1::StreamLogsResponse piece;
      const size_t size = std::min(kPiece, line.bytes - done);
      piece.set_data(std::string(size, line.letter));
      if (done + size == line.bytes) *piece.mutable_data() += '\n';
      piece.set_attempt(1);
      piece.set_resume_token(absl::StrCat(next));
      {
        absl::MutexLock lock(&mu_);
        sent_ += static_cast<int64_t>(piece.data().size());
      }
      if (!on_message(piece)) return false;
    }
    return true;
  }

  mutable absl::Mutex mu_;
  std::vector<Line> lines_ ABSL_GUARDED_BY(mu_);
  int64_t sent_ ABSL_GUARDED_BY(mu_) = 0;
};

// A feed that looks at the log, and its rounds.
class Watcher {
 public:
  explicit Watcher(const std::shared_ptr<LongLog>& log)
      : feed_(JobClient(log), absl::Milliseconds(1), [this] {
          absl::MutexLock lock(&mu_);
          ++news_;
        }) {
    feed_.Look("a", TopPane::kLog);
  }

  // The lines as soon as the last one begins so.
  std::vector<std::string> AwaitLast(const std::string& beginning) {
    while (true) {
      int seen = 0;
      {
        absl::MutexLock lock(&mu_);
        seen = news_;
      }
      std::vector<std::string> lines = feed_.Details().log;
      if (!lines.empty() && absl::StartsWith(lines.back(), beginning)) {
        return lines;
      }
      const auto is_newer = [&] { return news_ > seen; };
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&is_newer));
    }
  }

 private:
  absl::Mutex mu_;
  int news_ ABSL_GUARDED_BY(mu_) = 0;
  TopFeed feed_;  // The last: its thread calls.
};

TEST(TopFeedTest, ReadsALogOnFromWhereItWas) {
  const auto log = std::make_shared<LongLog>();
  log->Append(300, 'a', 100);
  Watcher watcher(log);
  EXPECT_EQ(watcher.AwaitLast("aaa").size(), 200u);

  const int64_t before = log->sent();
  log->Append(1, 'b', 3);
  EXPECT_EQ(watcher.AwaitLast("bbb").size(), 200u);
  EXPECT_EQ(log->sent() - before, 4);
}

// Two hundred such lines are two gigabytes.
TEST(TopFeedTest, OfVeryLongLinesFewAreReadAndLittleIsKept) {
  constexpr size_t kLong = 10'000'000;
  const auto log = std::make_shared<LongLog>();
  log->Append(200, 'x', kLong);
  log->Append(1, 'y', kLong);
  Watcher watcher(log);

  const std::vector<std::string> lines = watcher.AwaitLast("yyy");

  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], StartsWith("xxx"));
  for (const std::string& line : lines) EXPECT_LT(line.size(), 500u);
  EXPECT_LT(log->sent(), int64_t{3 * kLong});

  // It takes part again as soon as lines are short.
  log->Append(1, 'z', 3);
  EXPECT_THAT(watcher.AwaitLast("zzz"),
              ElementsAre(StartsWith("xxx"), StartsWith("yyy"), "zzz"));
}

}  // namespace
}  // namespace lockstep::cli
