// The whole coordinator on a port that other hosts may reach: who is let in,
// as whom, and what happens when certificates are renewed.

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/tls_channel.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/server.h"
#include "tests/testing/fake_launcher.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep {
namespace {

using ::lockstep::testing::FakeLauncher;
using ::lockstep::testing::ScopedTempDir;
using ::lockstep::testing::TestCa;
using ::lockstep::testing::TestLeaf;
using ::testing::HasSubstr;

class ServerTlsTest : public ::testing::Test {
 protected:
  ServerTlsTest() {
    ca_.Write(ca_file_);
    client_ca_.Write(client_ca_file_);
    options_.state_dir = dir_.Path("state");
    options_.listen = {"unix:" + dir_.Path("sock"), "127.0.0.1:0"};
    options_.metrics_address = "off";
    options_.shutdown_grace = absl::Milliseconds(100);
    options_.tls = {.cert = dir_.Path("server.pem"),
                    .key = dir_.Path("server.key"),
                    .client_ca = client_ca_file_};
    Issue(ca_);
  }

  void Issue(const TestCa& ca) {
    ca.Issue({.common_name = "coordinator", .names = {"IP:127.0.0.1"}},
             options_.tls.cert, options_.tls.key);
  }

  void Start() {
    auto server = Server::Start(
        options_,
        [](const ServerOptions&) -> absl::StatusOr<std::unique_ptr<Launcher>> {
          return std::make_unique<FakeLauncher>(2);
        });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  const std::string& tcp() const { return server_->addresses()[1]; }

  // A client certificate of that CA.
  TlsFiles CertificateOf(const TestCa& ca, const TestLeaf& leaf) {
    TlsFiles files{.ca = ca_file_,
                   .cert = dir_.Path("client.pem"),
                   .key = dir_.Path("client.key")};
    ca.Issue(leaf, files.cert, files.key);
    return files;
  }

  // The owner of a job that this caller makes, or why it may not.
  std::string Create(const TlsFiles& files, const std::string& token = "") {
    const TlsIdentity tls = *LoadTls(files);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::JobService::NewStub(
        grpc::CreateCustomChannel(tcp(), ChannelCredentials(tls), arguments));
    v1::CreateJobRequest request;
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_api_version("lockstep/v1");
    spec.mutable_model()->set_path("/models/tiny");
    spec.mutable_method()->mutable_lora();
    spec.mutable_data()->add_train()->set_path("/data/train.jsonl");
    spec.set_output_dir("/out");
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(20));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::Job job;
    const grpc::Status status = stub->CreateJob(&context, request, &job);
    if (status.ok()) return job.owner();
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      if (!tls.enabled()) return "UNAVAILABLE";
      return ErrorReason(ExplainTlsFailure(tcp(), tls));
    }
    return ErrorReason(FromGrpcStatus(status));
  }

  ScopedTempDir dir_;
  const TestCa ca_;
  const TestCa client_ca_{"CA of people"};
  const std::string ca_file_ = dir_.Path("ca.pem");
  const std::string client_ca_file_ = dir_.Path("client_ca.pem");
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTlsTest, ATokenIsWantedInsideTlsToo) {
  Start();
  EXPECT_EQ(Create({.ca = ca_file_}), "TOKEN_MISSING");
  EXPECT_EQ(Create({.ca = ca_file_}, "wrong"), "TOKEN_INVALID");
  std::string token;
  std::ifstream(options_.state_dir + "/admin.token") >> token;
  EXPECT_EQ(Create({.ca = ca_file_}, token), "admin");
}

TEST_F(ServerTlsTest, NobodyIsServedInClearTextNorByAStrangersCa) {
  Start();
  EXPECT_EQ(Create({}, "whatever"), "UNAVAILABLE");
  EXPECT_EQ(Create({.ca = client_ca_file_}), "TLS_UNTRUSTED");
}

TEST_F(ServerTlsTest, ACertificateNamesItsBearer) {
  Start();
  EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = "alice"})),
            "alice");
  EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = "Some Body",
                                              .names = {"DNS:build.example"}})),
            "build.example");
  EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = "x",
                                              .names = {"URI:spiffe://team/ci",
                                                        "DNS:build.example"}})),
            "spiffe://team/ci");
  // Whoever issues it: these are others' names.
  for (const char* name : {"local", "admin", "no name"}) {
    EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = name})),
              "CERTIFICATE_NAME_INVALID");
  }
}

TEST_F(ServerTlsTest, ACertificateOfAnotherCaOrOfYesterdayIsRefused) {
  Start();
  EXPECT_EQ(Create(CertificateOf(ca_, {.common_name = "alice"})),
            "TLS_CLIENT_REFUSED");
  EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = "alice",
                                              .begins = -absl::Hours(48),
                                              .ends = -absl::Hours(24)})),
            "TLS_CLIENT_REFUSED");
}

TEST_F(ServerTlsTest, WithoutAClientCaACertificateNamesNobody) {
  options_.tls.client_ca = "";
  Start();
  EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = "alice"})),
            "TOKEN_MISSING");
}

TEST_F(ServerTlsTest, UsersOfTheTokenFileAreLetIn) {
  options_.tokens = dir_.Path("tokens");
  std::ofstream(options_.tokens)
      << "alice " << absl::BytesToHexString(TokenDigest("secret")) << "\n"
      << "bob certificate viewer\n";
  std::filesystem::permissions(options_.tokens,
                               std::filesystem::perms::owner_read);
  Start();
  EXPECT_EQ(Create({.ca = ca_file_}, "secret"), "alice");
  EXPECT_EQ(Create(CertificateOf(client_ca_, {.common_name = "bob"})),
            "ROLE_TOO_LOW");
}

TEST_F(ServerTlsTest, ABadTokenFileIsRefusedAtTheStart) {
  options_.tokens = dir_.Path("none");
  const auto server = Server::Start(
      options_,
      [](const ServerOptions&) -> absl::StatusOr<std::unique_ptr<Launcher>> {
        return std::make_unique<FakeLauncher>(2);
      });
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("--tokens"));
}

// The files are replaced as tools that renew certificates do it: the new CA is
// told to clients first, and certificate and key are not replaced in one.
TEST_F(ServerTlsTest, ARenewedCertificateIsShownWithoutARestart) {
  Start();
  const TestCa next("Next CA");
  const std::string next_file = dir_.Path("next.pem");
  next.Write(next_file);
  EXPECT_EQ(Create({.ca = next_file}), "TLS_UNTRUSTED");

  Issue(next);

  std::string outcome;
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  while (outcome != "TOKEN_MISSING" && absl::Now() < give_up) {
    outcome = Create({.ca = next_file});
  }
  EXPECT_EQ(outcome, "TOKEN_MISSING");
  EXPECT_EQ(Create({.ca = ca_file_}), "TLS_UNTRUSTED");
}

}  // namespace
}  // namespace lockstep
