// A17: clients on another host are gone without a word, a thousand at once, for
// the cable is cut. The coordinator finds out and gives their connections back.

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/process.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/cable.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep::testing {
namespace {

constexpr int kConnections = 1000;
constexpr int kConnectMilliseconds = 120'000;
// Idle ones are asked after 20 s and have 10 s to answer (listener.cc).
constexpr absl::Duration kMost = absl::Seconds(40);
// Nobody else listens in this network.
constexpr int kPort = 4711;

int OpenFilesOf(pid_t pid) {
  const std::filesystem::directory_iterator files(
      absl::StrCat("/proc/", pid, "/fd"));
  return static_cast<int>(std::distance(begin(files), end(files)));
}

class HalfOpenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Before there are threads.
    if (!Cable::Allowed()) {
      GTEST_SKIP() << "two networks need CAP_NET_ADMIN and /dev/net/tun";
    }
    cable_ = std::make_unique<Cable>(SeedOfTest());
    const TestCa ca;
    ca.Write(Path("ca.pem"));
    ca.Issue({.common_name = "coordinator",
              .names = {absl::StrCat("IP:", Cable::kHere)}},
             Path("server.pem"), Path("server.key"));
    ca.Issue({.common_name = "ann"}, Path("ann.pem"), Path("ann.key"));
    cluster_ = std::make_unique<TestCluster>(
        2,
        std::vector<std::string>{"--tls-cert", Path("server.pem"), "--tls-key",
                                 Path("server.key"), "--tls-ca", Path("ca.pem"),
                                 "--tls-client-ca", Path("ca.pem")},
        TestTls{absl::StrCat(Cable::kHere, ":", kPort), Path("ca.pem"),
                Path("ann.pem"), Path("ann.key")});
  }

  std::string Path(const std::string& name) const { return dir_.Path(name); }
  int OpenFiles() const { return OpenFilesOf(cluster_->daemon_pid()); }

  // Clients there, each with a connection that the coordinator has taken.
  void Connect() {
    ASSERT_EQ(mkfifo(Path("held").c_str(), 0600), 0);
    std::vector<std::string> command = cable_->ThereCommand();
    for (const std::string& word :
         {OraclePython(), SourceDir() + "/tests/acceptance/hold_connections.py",
          std::string(Cable::kHere), absl::StrCat(kPort), Path("ca.pem"),
          absl::StrCat(kConnections), Path("held")}) {
      command.push_back(word);
    }
    clients_ = std::make_unique<BackgroundProcess>(command, Environment(),
                                                   Path("clients.log"));
    // Until they say so.
    const int held = open(Path("held").c_str(), O_RDONLY | O_NONBLOCK);
    pollfd said = {held, POLLIN, 0};
    ASSERT_EQ(poll(&said, 1, kConnectMilliseconds), 1)
        << ReadFile(Path("clients.log"));
    close(held);
  }

  ScopedTempDir dir_;
  std::unique_ptr<Cable> cable_;
  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<BackgroundProcess> clients_;
};

TEST_F(HalfOpenTest, AThousandAreGivenBack) {
  ASSERT_EQ(cluster_->Lockstep({"jobs", "list"}).exit_code, 0);
  const int before = OpenFiles();
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_GE(OpenFiles(), before + kConnections)
      << ReadFile(Path("clients.log"));

  // Clients answer when they are asked whether they are there: it is the cut
  // that ends them.
  cable_->Set({.cut = true}, {.cut = true});
  const absl::Time cut = absl::Now();
  // Nobody tells when another process closes a file.
  while (OpenFiles() > before && absl::Now() < cut + 2 * kMost) {
    absl::SleepFor(absl::Milliseconds(50));
  }

  EXPECT_LE(OpenFiles(), before);
  const absl::Duration took = absl::Now() - cut;
  EXPECT_LE(took, kMost);
  EXPECT_EQ(cluster_->Lockstep({"jobs", "list"}).exit_code, 0);
  std::cout << "A17 half_open: " << kConnections
            << " dead connections given back in "
            << absl::FormatDuration(absl::Trunc(took, absl::Milliseconds(100)))
            << ", with all their files\n";
}

}  // namespace
}  // namespace lockstep::testing
