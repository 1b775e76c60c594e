// A client that dials a coordinator of another host, which here is this one:
// whom it trusts, and what it says when it does not.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/internal/grpc_connection.h"
#include "gmock/gmock.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/client/fake_job_service.h"
#include "tests/testing/refuse_connections.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep::internal {
namespace {

using ::lockstep::testing::ScopedTempDir;
using ::lockstep::testing::TestCa;
using ::lockstep::testing::TestLeaf;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

class TlsConnectionTest : public ::testing::Test {
 protected:
  TlsConnectionTest() { ca_.Write(ca_file_); }
  ~TlsConnectionTest() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  void Serve(const TestLeaf& leaf, bool wants_certificate = false) {
    ca_.Issue(leaf, dir_.Path("server.pem"), dir_.Path("server.key"));
    grpc::SslServerCredentialsOptions options(
        wants_certificate
            ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
            : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_root_certs = Read(ca_file_);
    options.pem_key_cert_pairs.push_back(
        {Read(dir_.Path("server.key")), Read(dir_.Path("server.pem"))});
    ServeWith(grpc::SslServerCredentials(options));
  }
  void ServeWith(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), credentials,
                             &port_);
    builder.RegisterService(&jobs_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  absl::Status Call(const TlsFiles& files, const std::string& host) {
    ClientOptions options;
    options.server = absl::StrCat(host, ":", port_);
    options.tls = *LoadTls(files);
    v1::GetJobRequest request;
    request.set_name("jobs/none");
    return GrpcConnection(options).GetJob(request).status();
  }
  // OK when the coordinator was reached, and said that there is no such job.
  std::string Outcome(const TlsFiles& files,
                      const std::string& host = "127.0.0.1") {
    last_ = Call(files, host);
    return ErrorReason(last_);
  }
  std::string message() const { return std::string(last_.message()); }

  ScopedTempDir dir_;
  const TestCa ca_;
  const std::string ca_file_ = dir_.Path("ca.pem");
  testing::FakeJobService jobs_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  absl::Status last_;
};

TEST_F(TlsConnectionTest, TrustsTheCaThatItWasGiven) {
  Serve({.common_name = "x", .names = {"IP:127.0.0.1", "DNS:localhost"}});
  EXPECT_EQ(Outcome({.ca = ca_file_}), "JOB_NOT_FOUND");
  EXPECT_EQ(Outcome({.ca = ca_file_}, "localhost"), "JOB_NOT_FOUND");
}

TEST_F(TlsConnectionTest, SaysThatTheCaIsAnother) {
  Serve({.common_name = "x", .names = {"IP:127.0.0.1"}});
  const std::string other = dir_.Path("other.pem");
  TestCa("Another CA").Write(other);
  EXPECT_EQ(Outcome({.ca = other}), "TLS_UNTRUSTED");
  EXPECT_THAT(message(),
              AllOf(HasSubstr(absl::StrCat("127.0.0.1:", port_)),
                    HasSubstr("comes from no CA in --tls-ca \"" + other)));
}

TEST_F(TlsConnectionTest, SaysThatTheCertificateIsOfAnotherHost) {
  Serve({.common_name = "x",
         .names = {"DNS:coordinator.example", "IP:10.0.0.7"}});
  EXPECT_EQ(Outcome({.ca = ca_file_}), "TLS_WRONG_HOST");
  EXPECT_THAT(message(), HasSubstr("is for coordinator.example, 10.0.0.7, not "
                                   "for 127.0.0.1"));
  EXPECT_EQ(Outcome({.ca = ca_file_}, "localhost"), "TLS_WRONG_HOST");
  EXPECT_THAT(message(), HasSubstr("not for localhost"));
}

TEST_F(TlsConnectionTest, SaysThatTheCertificateHasExpired) {
  Serve({.common_name = "x",
         .names = {"IP:127.0.0.1"},
         .begins = -absl::Hours(48),
         .ends = -absl::Hours(24)});
  EXPECT_EQ(Outcome({.ca = ca_file_}), "TLS_EXPIRED");
  EXPECT_THAT(message(), AllOf(HasSubstr("has expired"),
                               HasSubstr("valid until "), HasSubstr(" GMT")));
}

TEST_F(TlsConnectionTest, SaysThatTheCertificateIsNotValidYet) {
  Serve({.common_name = "x",
         .names = {"IP:127.0.0.1"},
         .begins = absl::Hours(24),
         .ends = absl::Hours(48)});
  EXPECT_EQ(Outcome({.ca = ca_file_}), "TLS_NOT_YET_VALID");
}

TEST_F(TlsConnectionTest, SaysThatNoTlsIsSpokenThere) {
  ServeWith(grpc::InsecureServerCredentials());
  EXPECT_EQ(Outcome({.ca = ca_file_}), "TLS_NOT_SPOKEN");
  EXPECT_THAT(message(), HasSubstr("but not in TLS"));
}

TEST_F(TlsConnectionTest, SaysThatTheCoordinatorRefusesItsCertificate) {
  Serve({.common_name = "x", .names = {"IP:127.0.0.1"}},
        /*wants_certificate=*/true);
  TlsFiles files{.ca = ca_file_,
                 .cert = dir_.Path("alice.pem"),
                 .key = dir_.Path("alice.key")};
  TestCa("Another CA").Issue({.common_name = "alice"}, files.cert, files.key);
  EXPECT_EQ(Outcome(files), "TLS_CLIENT_REFUSED");
  EXPECT_THAT(message(),
              HasSubstr("does not accept --tls-cert \"" + files.cert));
  EXPECT_EQ(Outcome({.ca = ca_file_}), "TLS_CLIENT_REFUSED");
  EXPECT_THAT(message(),
              HasSubstr("it wants a client certificate; give --tls-cert"));

  ca_.Issue({.common_name = "alice"}, files.cert, files.key);
  EXPECT_EQ(Outcome(files), "JOB_NOT_FOUND");
}

TEST_F(TlsConnectionTest, ACoordinatorThatIsAwayIsNoMatterOfTrust) {
  Serve({.common_name = "x", .names = {"IP:127.0.0.1"}});
  server_->Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(Call({.ca = ca_file_}, "127.0.0.1")));
}

TEST_F(TlsConnectionTest, ConnectsAgainToACoordinatorThatWasAway) {
  jobs_.changes.emplace_back();
  Serve({.common_name = "c", .names = {"IP:127.0.0.1"}});
  ClientOptions options;
  options.server = absl::StrCat("127.0.0.1:", port_);
  options.tls = *LoadTls({.ca = ca_file_});
  GrpcConnection connection(options);
  absl::Time heard;
  const auto hear_one = [&](const v1::WatchJobsResponse&) {
    heard = absl::Now();
    return false;
  };
  EXPECT_TRUE(connection.WatchJobs({}, hear_one).ok());

  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
  absl::Time back;
  const int listener = testing::ListenOn(port_);
  std::thread outage([&] {
    testing::RefuseConnections(listener, 9);
    back = absl::Now();
    Serve({.common_name = "c", .names = {"IP:127.0.0.1"}});
  });
  EXPECT_TRUE(connection.WatchJobs({}, hear_one).ok());
  outage.join();

  // It tries once a second; 4 s and more where nobody drives the handshake.
  EXPECT_LT(heard - back, absl::Seconds(3));
}

}  // namespace
}  // namespace lockstep::internal
