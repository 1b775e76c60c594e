#include "server/server_options.h"

#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ServerOptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<ServerCommandLine> Parse(std::vector<const char*> flags) {
    flags.insert(flags.begin(), "lockstepd");
    return ParseServerCommandLine(
        static_cast<int>(flags.size()), flags.data(),
        [this](const char* name) { return environment_[name]; });
  }

  std::map<std::string, std::string> environment_ = {{"HOME", "/home/u"}};
};

TEST_F(ServerOptionsTest, HasADefaultForEverything) {
  const auto line = Parse({});
  ASSERT_TRUE(line.ok()) << line.status();
  const ServerOptions& options = line->options;
  EXPECT_EQ(options.state_dir, "/home/u/.local/state/lockstep");
  EXPECT_THAT(options.listen,
              ElementsAre("unix:/home/u/.local/state/lockstep/lockstepd.sock"));
  EXPECT_GE(options.cpu_slots, 1);
  EXPECT_THAT(options.worker_path, ::testing::EndsWith("/lockstep-worker"));
  EXPECT_EQ(options.metrics_address, "127.0.0.1:9464");
  EXPECT_EQ(options.scheduler.rendezvous_timeout, absl::Seconds(120));
  EXPECT_EQ(options.scheduler.heartbeat_interval, absl::Seconds(5));
  EXPECT_EQ(options.scheduler.hang_timeout, absl::Seconds(30));
  EXPECT_EQ(options.scheduler.drain_grace, absl::Seconds(30));
}

TEST_F(ServerOptionsTest, FollowsTheEnvironmentAsTheClientDoes) {
  environment_ = {{"XDG_STATE_HOME", "/s"}, {"XDG_RUNTIME_DIR", "/run/u"}};
  const auto line = Parse({});
  EXPECT_EQ(line->options.state_dir, "/s/lockstep");
  EXPECT_THAT(line->options.listen,
              ElementsAre("unix:/run/u/lockstep/lockstepd.sock"));
}

TEST_F(ServerOptionsTest, ReadsEveryFlag) {
  const auto line = Parse(
      {"--state-dir", "/state", "--listen=unix:/a,127.0.0.1:0", "--listen",
       "localhost:50", "--cpu-slots", "3", "--worker", "/bin/w",
       "--metrics-address", "off", "--rendezvous-timeout", "90s",
       "--heartbeat-interval=500ms", "--hang-timeout=1m", "--drain-grace=2m"});
  ASSERT_TRUE(line.ok()) << line.status();
  const ServerOptions& options = line->options;
  EXPECT_EQ(options.state_dir, "/state");
  EXPECT_THAT(options.listen,
              ElementsAre("unix:/a", "127.0.0.1:0", "localhost:50"));
  EXPECT_EQ(options.cpu_slots, 3);
  EXPECT_EQ(options.worker_path, "/bin/w");
  EXPECT_EQ(options.metrics_address, "off");
  EXPECT_EQ(options.scheduler.rendezvous_timeout, absl::Seconds(90));
  EXPECT_EQ(options.scheduler.heartbeat_interval, absl::Milliseconds(500));
  EXPECT_EQ(options.scheduler.hang_timeout, absl::Minutes(1));
  EXPECT_EQ(options.scheduler.drain_grace, absl::Minutes(2));
}

TEST_F(ServerOptionsTest, SaysWithWhichSettingsItRuns) {
  const auto line =
      Parse({"--state-dir", "/state", "--listen=unix:/a,127.0.0.1:0",
             "--cpu-slots", "3", "--worker", "/bin/w", "--metrics-address",
             "off", "--rendezvous-timeout", "90s"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(
      SettingsOf(line->options),
      ElementsAre(
          Pair("state-dir", "/state"), Pair("listen", "unix:/a,127.0.0.1:0"),
          Pair("cpu-slots", "3"), Pair("use-busy-gpus", "false"),
          Pair("worker", "/bin/w"), Pair("metrics-address", "off"),
          Pair("rendezvous-timeout", "1m30s"), Pair("heartbeat-interval", "5s"),
          Pair("hang-timeout", "30s"), Pair("drain-grace", "30s")));
}

TEST_F(ServerOptionsTest, GpusOfOthersAreLeftAloneUnlessToldOtherwise) {
  EXPECT_FALSE(Parse({})->options.use_busy_gpus);
  const auto line = Parse({"--use-busy-gpus"});
  EXPECT_TRUE(line->options.use_busy_gpus);
  EXPECT_THAT(SettingsOf(line->options),
              Contains(Pair("use-busy-gpus", "true")));
}

TEST_F(ServerOptionsTest, MakesPathsAbsolute) {
  const auto line = Parse({"--state-dir", "state", "--worker", "w"});
  EXPECT_EQ(line->options.state_dir.front(), '/');
  EXPECT_EQ(line->options.worker_path.front(), '/');
}

TEST_F(ServerOptionsTest, NamesWhatIsWrong) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"--listen", "0.0.0.0:1"}, "--listen \"0.0.0.0:1\": another host"},
      {{"--listen", "example.com:1"}, "TLS"},
      {{"--listen", "unix:relative"}, "absolute"},
      {{"--listen", "nonsense"}, "neither unix:/path nor host:port"},
      {{"--listen", "127.0.0.1:70000"}, "neither unix:/path nor host:port"},
      {{"--listen", "127.0.0.1:0"}, "known before they start"},
      {{"--cpu-slots", "0"}, "--cpu-slots \"0\": not in 1..4096"},
      {{"--cpu-slots", "many"}, "--cpu-slots"},
      {{"--rendezvous-timeout", "soon"}, "--rendezvous-timeout \"soon\""},
      {{"--rendezvous-timeout", "-1s"}, "duration above 0"},
      {{"--heartbeat-interval", "inf"}, "duration above 0"},
      {{"--hang-timeout", "soon"}, "hang-timeout"},
      {{"--drain-grace", "0"}, "drain-grace"},
      {{"--state-dri", "x"}, "--state-dri"},
      {{"surplus"}, "surplus"},
  };
  for (const auto& [flags, message] : cases) {
    const auto line = Parse(flags);
    EXPECT_TRUE(absl::IsInvalidArgument(line.status())) << message;
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(message));
  }
  const std::string longest = "unix:/" + std::string(107, 'x');
  EXPECT_THAT(
      std::string(Parse({"--listen", longest.c_str()}).status().message()),
      HasSubstr("at most 107"));
}

TEST_F(ServerOptionsTest, PrintsHelpAndVersion) {
  EXPECT_THAT(Parse({"--help"})->text,
              AllOf(HasSubstr("--state-dir"), HasSubstr("--cpu-slots")));
  EXPECT_THAT(Parse({"--version"})->text, HasSubstr("lockstepd 0.1.0"));
}

TEST_F(ServerOptionsTest, WorkersAreToldTheSocketFirst) {
  ServerOptions options;
  options.listen = {"127.0.0.1:50", "unix:/a", "127.0.0.1:51"};
  EXPECT_EQ(*WorkerAddress(options), "unix:/a");
  options.listen = {"127.0.0.1:0", "127.0.0.1:51"};
  EXPECT_EQ(*WorkerAddress(options), "127.0.0.1:51");
}

}  // namespace
}  // namespace lockstep
