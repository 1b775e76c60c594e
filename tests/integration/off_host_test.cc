// A coordinator that other hosts may reach, through the built programs: a job
// is submitted and trained by TLS alone, users come by token or certificate,
// and what they may not is refused with a word on why.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kNotAllowed = 4;

// One that nobody had a moment ago: processes of jobs are told it before it is
// opened, so it cannot be 0.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, any, size), 0);
  EXPECT_EQ(getsockname(fd, any, &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

class OffHostTest : public ::testing::Test {
 protected:
  OffHostTest() {
    ca_.Write(Path("ca.pem"));
    people_ca_.Write(Path("people.pem"));
    ca_.Issue({.common_name = "coordinator", .names = {"IP:127.0.0.1"}},
              Path("server.pem"), Path("server.key"));
    for (const char* name : {"alice", "bob"}) {
      people_ca_.Issue({.common_name = name}, Path(absl::StrCat(name, ".pem")),
                       Path(absl::StrCat(name, ".key")));
    }
    WriteFile(Path("tokens"), "bob certificate viewer\n");
    chmod(Path("tokens").c_str(), 0600);
  }

  std::string Path(const std::string& name) const { return dir_.Path(name); }

  // On TCP alone: processes of jobs dial it by TLS, too.
  void Start() {
    address_ = absl::StrCat("127.0.0.1:", FreePort());
    daemon_ = std::make_unique<BackgroundProcess>(
        std::vector<std::string>{
            BinDir() + "/lockstepd", "--state-dir", Path("state"), "--listen",
            address_, "--cpu-slots", "1", "--metrics-address", "127.0.0.1:0",
            "--tls-cert", Path("server.pem"), "--tls-key", Path("server.key"),
            "--tls-ca", Path("ca.pem"), "--tls-client-ca", Path("people.pem"),
            "--tokens", Path("tokens")},
        Environment{}, Path("lockstepd.log"));
    // It is there when it says of somebody that it does not know them.
    for (int i = 0; i < 200; ++i) {
      if (Lockstep({"server", "status"}).exit_code == kNotAllowed) return;
    }
    FAIL() << ReadFile(Path("lockstepd.log"));
  }

  RunResult Lockstep(std::vector<std::string> args,
                     const Environment& environment = {}) {
    Environment all = {{"LOCKSTEP_SERVER", address_},
                       {"LOCKSTEP_TLS_CA", Path("ca.pem")},
                       {"XDG_STATE_HOME", Path("home")}};
    all.insert(environment.begin(), environment.end());
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, all);
  }
  Environment CertificateOf(const std::string& name) {
    return {{"LOCKSTEP_TLS_CERT", Path(name + ".pem")},
            {"LOCKSTEP_TLS_KEY", Path(name + ".key")}};
  }

  // Makes a token for somebody, and lets the coordinator know of it.
  Environment TokenOf(const std::string& name, const std::string& role) {
    const RunResult made = Lockstep({"token", "create", name, "--role", role});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    WriteFile(Path("tokens"), ReadFile(Path("tokens")) + made.err);
    WriteFile(Path(name + ".token"), made.out);
    return {{"LOCKSTEP_TOKEN_FILE", Path(name + ".token")}};
  }

  RunResult Submit(const std::string& name, const Environment& environment) {
    WriteFile(
        Path("job.yaml"),
        absl::StrCat("apiVersion: lockstep/v1\nmodel: {path: ", SourceDir(),
                     "/tests/testdata/models/tiny-llama}\n"
                     "method: {full: {}}\ndata: {train: [{path: ",
                     SourceDir(),
                     "/tests/testdata/data/text.jsonl}], max_length: 64}\n"
                     "train: {max_steps: 2}\n"
                     "resources: {device: cpu, ranks: 1}\noutput_dir: ",
                     Path("out-" + name), "\n"));
    return Lockstep({"submit", Path("job.yaml"), "--name", name, "--wait"},
                    environment);
  }

  const TestCa ca_;
  const TestCa people_ca_{"CA of people"};
  ScopedTempDir dir_;
  std::string address_;
  std::unique_ptr<BackgroundProcess> daemon_;
};

TEST_F(OffHostTest, AJobIsSubmittedAndTrainedByTls) {
  Start();

  const RunResult run = Submit("a", CertificateOf("alice"));

  EXPECT_EQ(run.exit_code, 0)
      << run.out << run.err << ReadFile(Path("lockstepd.log"));
  EXPECT_TRUE(std::filesystem::exists(Path("out-a/model.safetensors")));
  const RunResult events = Lockstep({"events", "a"}, CertificateOf("bob"));
  EXPECT_THAT(events.out, HasSubstr("accepted for alice (by alice)"));
}

TEST_F(OffHostTest, TokensAreMadeAndHoldAtOnce) {
  Start();
  const Environment carol = TokenOf("carol", "user");
  const Environment root = TokenOf("root", "admin");
  ASSERT_EQ(Submit("c", carol).exit_code, 0);

  const RunResult other =
      Lockstep({"jobs", "delete", "c", "--yes"}, CertificateOf("alice"));
  EXPECT_EQ(other.exit_code, kNotAllowed) << other.err;
  EXPECT_THAT(other.err, HasSubstr("jobs/c belongs to carol; alice may change "
                                   "only their own jobs"));
  const RunResult viewer = Submit("d", CertificateOf("bob"));
  EXPECT_EQ(viewer.exit_code, kNotAllowed);
  EXPECT_THAT(viewer.err, HasSubstr("bob has the role viewer"));
  const RunResult drain =
      Lockstep({"nodes", "drain", "cpu:0", "--reason", "its fan"}, carol);
  EXPECT_THAT(drain.err, HasSubstr("DrainDevice wants admin"));
  EXPECT_EQ(
      Lockstep({"nodes", "drain", "cpu:0", "--reason", "its fan"}, root).out,
      "cpu:0 is drained\n");
  EXPECT_THAT(Lockstep({"nodes", "list"}, carol).out, HasSubstr("(its fan)"));

  // A token that is taken out of the file opens nothing any more.
  WriteFile(Path("tokens"), "# nobody\n");
  EXPECT_THAT(Lockstep({"jobs", "list"}, carol).err,
              HasSubstr("the token is not known here"));
  EXPECT_THAT(
      ReadFile(Path("lockstepd.log")),
      AllOf(HasSubstr("NOT_JOB_OWNER"), HasSubstr("ROLE_TOO_LOW"),
            HasSubstr(" root lockstep.v1.ClusterService/DrainDevice OK"),
            Not(HasSubstr(
                absl::StripAsciiWhitespace(ReadFile(Path("carol.token")))))));
}

TEST_F(OffHostTest, AClientThatTrustsAnotherCaSaysSo) {
  Start();

  const RunResult run =
      Lockstep({"jobs", "list", "--tls-ca", Path("people.pem")});

  EXPECT_EQ(run.exit_code, kNotAllowed);
  EXPECT_THAT(run.err, AllOf(HasSubstr("comes from no CA in --tls-ca \"" +
                                       Path("people.pem")),
                             HasSubstr("docs/operations.md")));
}

}  // namespace
}  // namespace lockstep::testing
