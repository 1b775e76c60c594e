#include "server/simulate/trace.h"

#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<std::vector<TraceJob>> Read(const std::string& text) {
  std::istringstream lines(text);
  return ReadTrace(lines);
}

TEST(TraceTest, ReadsCsvByItsHeader) {
  const auto jobs = Read(
      "devices,submit_time,duration,timeout,priority,queue,owner\n"
      "4,20,3.5,10,high,research,ann\n"
      "\n"
      "1,10,60,,,,\n");
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_THAT(*jobs, SizeIs(2));
  // By time.
  EXPECT_EQ((*jobs)[0].submitted, absl::Seconds(10));
  EXPECT_EQ((*jobs)[0].timeout, absl::InfiniteDuration());
  EXPECT_EQ((*jobs)[0].queue, "default");
  EXPECT_EQ((*jobs)[0].owner, "local");
  EXPECT_EQ((*jobs)[1].duration, absl::Milliseconds(3500));
  EXPECT_EQ((*jobs)[1].devices, 4);
  EXPECT_EQ((*jobs)[1].timeout, absl::Seconds(10));
  EXPECT_EQ((*jobs)[1].priority, v1::ResourceSpec::PRIORITY_HIGH);
  EXPECT_EQ((*jobs)[1].queue, "research");
  EXPECT_EQ((*jobs)[1].owner, "ann");
}

TEST(TraceTest, ReadsJsonLines) {
  const auto jobs = Read(
      "{\"submit_time\": 12345678.5, \"duration\": 2, \"devices\": 8}\n"
      "{\"submit_time\": \"1\", \"duration\": 2, \"devices\": 1, \"owner\": "
      "\"ann\", \"timeout\": null}\n");
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_THAT(*jobs, SizeIs(2));
  EXPECT_EQ((*jobs)[0].owner, "ann");
  EXPECT_EQ((*jobs)[1].submitted, absl::Milliseconds(12345678500));
}

struct BadTrace {
  std::string text;
  std::string message;
};

class BadTraceTest : public ::testing::TestWithParam<BadTrace> {};

TEST_P(BadTraceTest, IsRefusedWithItsLineAndWhatIsAllowed) {
  const absl::Status status = Read(GetParam().text).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

constexpr char kHeader[] = "submit_time,duration,devices,priority,queue\n";

INSTANTIATE_TEST_SUITE_P(
    Lines, BadTraceTest,
    ::testing::Values(
        BadTrace{"", "the trace holds no job"},
        BadTrace{kHeader, "the trace holds no job"},
        BadTrace{"submit_time,cpus\n", "line 1: \"cpus\" is not one of"},
        BadTrace{"duration,duration\n",
                 "line 1: the header names a field "
                 "twice"},
        BadTrace{std::string(kHeader) + "1,2,3\n",
                 "line 2: has 3 fields; the header has 5"},
        BadTrace{std::string(kHeader) + "1,2,1,,\nx,2,1,,\n",
                 "line 3: submit_time \"x\" is not a number of seconds from 0 "
                 "to 1e9"},
        BadTrace{std::string(kHeader) + "1,0,1,,\n",
                 "line 2: duration \"0\" is not a number of seconds above 0"},
        BadTrace{std::string(kHeader) + "1,nan,1,,\n",
                 "line 2: duration \"nan\" is not"},
        BadTrace{std::string(kHeader) + "1,,1,,\n",
                 "line 2: duration is missing"},
        BadTrace{std::string(kHeader) + "1,2,0,,\n",
                 "line 2: devices \"0\" is not a whole number from 1 to"},
        BadTrace{std::string(kHeader) + "1,2,1.5,,\n",
                 "line 2: devices \"1.5\" is not a whole number"},
        BadTrace{std::string(kHeader) + "1,2,1,urgent,\n",
                 "line 2: priority \"urgent\" is not one of low, normal, high"},
        BadTrace{std::string(kHeader) + "1,2,1,,A B\n",
                 "line 2: queue \"A B\" is not an id of"},
        BadTrace{"{\"submit_time\": 1\n", "line 1: is no JSON object"},
        BadTrace{"{\"submit_time\": [1]}\n",
                 "line 1: submit_time is neither a number nor a string"},
        BadTrace{"{\"cpus\": 1}\n", "line 1: \"cpus\" is not one of"},
        BadTrace{"{\"submit_time\": 1, \"duration\": 1, \"devices\": 1}\n1,2\n",
                 "line 2: is no JSON object, and those before it are"}));

}  // namespace
}  // namespace lockstep
