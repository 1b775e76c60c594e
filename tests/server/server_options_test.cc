#include "server/server_options.h"

#include <sys/stat.h>

#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

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

TEST_F(ServerOptionsTest, SlurmNeedsAnAddressThatOtherHostsCanDial) {
  for (const char* listen : {"--listen=unix:/a", "--listen=127.0.0.1:7000",
                             "--listen=0.0.0.0:7000"}) {
    EXPECT_FALSE(Parse({"--engine=slurm", listen}).ok()) << listen;
  }
  EXPECT_THAT(Parse({"--engine=slurm", "--listen=unix:/a"}).status().message(),
              HasSubstr("by which the nodes of Slurm reach this one"));
  EXPECT_THAT(Parse({"--engine=kubernetes"}).status().message(),
              HasSubstr("kubernetes"));
}

TEST_F(ServerOptionsTest, SlurmsFlagsMeanNothingWithoutIt) {
  EXPECT_THAT(Parse({"--slurm-qos=low"}).status().message(),
              AllOf(HasSubstr("slurm-qos"), HasSubstr("--engine slurm")));
  EXPECT_THAT(Parse({"--slurm-gpus=-1", "--engine=slurm"}).status().message(),
              HasSubstr("slurm-gpus"));
}

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
  EXPECT_EQ(options.scheduler.keep_ended, absl::InfiniteDuration());
  EXPECT_EQ(options.keep_caches, absl::InfiniteDuration());
}

TEST_F(ServerOptionsTest, FollowsTheEnvironmentAsTheClientDoes) {
  environment_ = {{"XDG_STATE_HOME", "/s"}, {"XDG_RUNTIME_DIR", "/run/u"}};
  const auto line = Parse({});
  EXPECT_EQ(line->options.state_dir, "/s/lockstep");
  EXPECT_THAT(line->options.listen,
              ElementsAre("unix:/run/u/lockstep/lockstepd.sock"));
}

TEST_F(ServerOptionsTest, ReadsEveryFlag) {
  const auto line = Parse({"--state-dir",
                           "/state",
                           "--listen=unix:/a,127.0.0.1:0",
                           "--listen",
                           "localhost:50",
                           "--cpu-slots",
                           "3",
                           "--worker",
                           "/bin/w",
                           "--metrics-address",
                           "off",
                           "--rendezvous-timeout",
                           "90s",
                           "--heartbeat-interval=500ms",
                           "--hang-timeout=1m",
                           "--drain-grace=2m",
                           "--keep-jobs",
                           "30d",
                           "--keep-caches=7d",
                           "--starts-per-hour=9"});
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
  EXPECT_EQ(options.scheduler.keep_ended, absl::Hours(720));
  EXPECT_EQ(options.keep_caches, absl::Hours(168));
  EXPECT_EQ(options.scheduler.starts_per_hour, 9);
}

TEST_F(ServerOptionsTest, SaysWithWhichSettingsItRuns) {
  const auto line =
      Parse({"--state-dir", "/state", "--listen=unix:/a,127.0.0.1:0",
             "--cpu-slots", "3", "--worker", "/bin/w", "--metrics-address",
             "off", "--log-format", "json", "--rendezvous-timeout", "90s"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(
      SettingsOf(line->options),
      ElementsAre(
          Pair("state-dir", "/state"), Pair("listen", "unix:/a,127.0.0.1:0"),
          Pair("tls-cert", ""), Pair("tls-key", ""), Pair("tls-client-ca", ""),
          Pair("tls-ca", ""), Pair("tokens", ""), Pair("engine", "local"),
          Pair("slurm-partition", ""), Pair("slurm-account", ""),
          Pair("slurm-qos", ""), Pair("slurm-bin", ""), Pair("slurm-gpus", ""),
          Pair("cpu-slots", "3"), Pair("use-busy-gpus", "false"),
          Pair("no-cpu-binding", "false"), Pair("worker", "/bin/w"),
          Pair("metrics-address", "off"), Pair("log-format", "json"),
          Pair("rendezvous-timeout", "1m30s"), Pair("heartbeat-interval", "5s"),
          Pair("hang-timeout", "30s"), Pair("drain-grace", "30s"),
          Pair("starts-per-hour", "10"), Pair("keep-jobs", "forever"),
          Pair("keep-caches", "forever"), Pair("webhook", "")));
}

TEST_F(ServerOptionsTest, TheLogIsForPeopleUnlessToldOtherwise) {
  EXPECT_EQ(Parse({})->options.log_format, LogFormat::kText);
  EXPECT_EQ(Parse({"--log-format=json"})->options.log_format, LogFormat::kJson);
  EXPECT_THAT(Parse({"--log-format", "xml"}).status().message(),
              ::testing::HasSubstr("--log-format"));
}

TEST_F(ServerOptionsTest, GpusOfOthersAreLeftAloneUnlessToldOtherwise) {
  EXPECT_FALSE(Parse({})->options.use_busy_gpus);
  const auto line = Parse({"--use-busy-gpus"});
  EXPECT_TRUE(line->options.use_busy_gpus);
  EXPECT_THAT(SettingsOf(line->options),
              Contains(Pair("use-busy-gpus", "true")));
}

TEST_F(ServerOptionsTest, RanksAreBoundToCpusUnlessToldOtherwise) {
  EXPECT_TRUE(Parse({})->options.cpu_binding);
  const auto line = Parse({"--no-cpu-binding"});
  EXPECT_FALSE(line->options.cpu_binding);
  EXPECT_THAT(SettingsOf(line->options),
              Contains(Pair("no-cpu-binding", "true")));
}

TEST_F(ServerOptionsTest, MakesPathsAbsolute) {
  const auto line = Parse({"--state-dir", "state", "--worker", "w"});
  EXPECT_EQ(line->options.state_dir.front(), '/');
  EXPECT_EQ(line->options.worker_path.front(), '/');
}

TEST_F(ServerOptionsTest, NamesWhatIsWrong) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"--listen", "0.0.0.0:1"}, "--listen \"0.0.0.0:1\": other hosts"},
      {{"--listen", "example.com:1"}, "give --tls-cert and --tls-key"},
      {{"--tls-cert", "c"}, "needs --tls-key"},
      {{"--tls-key", "k"}, "needs --tls-cert"},
      {{"--tls-client-ca", "a"}, "needs --tls-cert and --tls-key"},
      {{"--tls-ca", "a"}, "needs --tls-cert and --tls-key"},
      {{"--tls-cert", "c", "--tls-key", "k"}, "no address of --listen is host"},
      {{"--tls-cert=/none", "--tls-key=k", "--listen=unix:/a,0.0.0.0:1"},
       "--tls-cert \"/none\": the file cannot be read"},
      {{"--listen", "unix:relative"}, "absolute"},
      {{"--listen", "nonsense"}, "neither unix:/path nor host:port"},
      {{"--listen", "127.0.0.1:70000"}, "neither unix:/path nor host:port"},
      {{"--listen", "127.0.0.1:0"}, "known before they start"},
      {{"--cpu-slots", "0"}, "--cpu-slots \"0\": not in 1..4096"},
      {{"--keep-jobs", "0d"}, "--keep-jobs \"0d\": not an age above 0"},
      {{"--keep-jobs", "-1h"}, "not an age above 0"},
      {{"--keep-caches", "0d"}, "--keep-caches \"0d\": not an age above 0"},
      {{"--keep-jobs", "inf"}, "nor forever"},
      {{"--keep-jobs", "month"}, "such as 12h or 30d"},
      {{"--starts-per-hour", "0"}, "--starts-per-hour"},
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

class ListenTlsTest : public ServerOptionsTest {
 protected:
  ListenTlsTest() {
    ca_.Write(ca_file_);
    ca_.Issue({.common_name = "coordinator"}, cert_, key_);
  }

  std::string Error(std::vector<std::string> flags) {
    std::vector<const char*> words;
    for (const std::string& flag : flags) words.push_back(flag.c_str());
    return std::string(Parse(words).status().message());
  }

  testing::ScopedTempDir dir_;
  const testing::TestCa ca_;
  const std::string ca_file_ = dir_.Path("ca.pem");
  const std::string cert_ = dir_.Path("cert.pem");
  const std::string key_ = dir_.Path("key.pem");
};

TEST_F(ListenTlsTest, WithItOtherHostsAreServed) {
  EXPECT_EQ(Error({"--listen", "unix:/a,0.0.0.0:7000", "--tls-cert", cert_,
                   "--tls-key", key_, "--tls-client-ca", ca_file_}),
            "");
}

TEST_F(ListenTlsTest, JobsNeedAnAddressThatTheyCanDialAndTrust) {
  EXPECT_THAT(Error({"--listen", "0.0.0.0:7000", "--tls-cert", cert_,
                     "--tls-key", key_, "--tls-ca", ca_file_}),
              AllOf(HasSubstr("--listen \"0.0.0.0:7000\""),
                    HasSubstr("unix:/path as well")));
  EXPECT_THAT(Error({"--listen", "127.0.0.1:7000", "--tls-cert", cert_,
                     "--tls-key", key_}),
              HasSubstr("need --tls-ca"));
  EXPECT_EQ(Error({"--listen", "127.0.0.1:7000", "--tls-cert", cert_,
                   "--tls-key", key_, "--tls-ca", ca_file_}),
            "");
}

TEST_F(ListenTlsTest, RanksOfOtherHostsSpeakMoreOften) {
  std::vector<const char*> flags = {
      "--engine=slurm", "--listen",    "10.0.0.1:7000",
      "--tls-cert",     cert_.c_str(), "--tls-key",
      key_.c_str(),     "--tls-ca",    ca_file_.c_str()};
  const auto line = Parse(flags);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->options.scheduler.heartbeat_interval, kNetworkHeartbeat);

  flags.insert(flags.end(), {"--heartbeat-interval", "5s"});
  EXPECT_EQ(Parse(flags)->options.scheduler.heartbeat_interval,
            absl::Seconds(5));
}

TEST_F(ListenTlsTest, EveryFileIsLookedAt) {
  chmod(key_.c_str(), 0640);
  EXPECT_THAT(Error({"--listen", "unix:/a,0.0.0.0:1", "--tls-cert", cert_,
                     "--tls-key", key_}),
              AllOf(HasSubstr("--tls-key \"" + key_), HasSubstr("chmod 600")));
  chmod(key_.c_str(), 0600);
  EXPECT_THAT(Error({"--listen", "unix:/a,0.0.0.0:1", "--tls-cert", cert_,
                     "--tls-key", key_, "--tls-client-ca", key_}),
              HasSubstr("--tls-client-ca \"" + key_));
  EXPECT_THAT(Error({"--listen", "unix:/a,0.0.0.0:1", "--tls-cert", cert_,
                     "--tls-key", key_, "--tls-ca", key_}),
              HasSubstr("--tls-ca \"" + key_));
}

}  // namespace
}  // namespace lockstep
