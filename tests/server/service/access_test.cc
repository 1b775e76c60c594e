#include "server/service/access.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job_service.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "proto/contract/errors.h"
#include "tests/testing/fake_clock.h"

namespace lockstep {
namespace {

using ::lockstep::testing::FakeClock;

const google::protobuf::FileDescriptor* const kFiles[] = {
    v1::CreateJobRequest::descriptor()->file(),
    v1::ListNodesRequest::descriptor()->file(),
    worker::v1::JoinRequest::descriptor()->file()};

// Every RPC that exists, as package.Service/Method.
std::vector<std::string> AllMethods() {
  std::vector<std::string> methods;
  for (const auto* file : kFiles) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        methods.push_back(absl::StrCat(service->full_name(), "/",
                                       service->method(m)->name()));
      }
    }
  }
  return methods;
}

constexpr char kUnix[] = "unix:";
constexpr char kTcp[] = "ipv4:127.0.0.1:4711";
constexpr char kUserMethod[] = "lockstep.v1.JobService/GetJob";
constexpr char kWorkerMethod[] = "lockstep.worker.v1.WorkerService/Join";

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() { tokens_.Put(TokenDigest("worker"), {"jobs/a", 2}); }

  // The principal's name, or the reason of the refusal.
  std::string Outcome(absl::string_view method, const std::string& peer,
                      const std::string& authorization,
                      const std::string& certificate = "") {
    const auto principal =
        access_.Check(method, {peer, authorization, certificate});
    return principal.ok() ? principal->name : ErrorReason(principal.status());
  }

  FakeClock clock_;
  AttemptTokens tokens_;
  const std::unique_ptr<UserDirectory> users_ = *UserDirectory::Open("");
  Access access_{"admin", tokens_, *users_, clock_};
};

TEST_F(AccessTest, EveryRpcHasARow) {
  const std::vector<std::string> methods = AllMethods();
  EXPECT_GE(methods.size(), 18u);
  for (const std::string& method : methods) {
    ASSERT_TRUE(Access::RuleOf(method).has_value())
        << method << " has no row in server/service/access.cc";
  }
}

// Every RPC with every kind of caller that needs no token file; those that do
// are in authz_matrix_test.
TEST_F(AccessTest, OpensEachRpcToItsCallersOnly) {
  for (const std::string& method : AllMethods()) {
    const bool worker = *Access::RuleOf(method) == AccessRule::kWorker;
    for (const std::string peer : {kUnix, kTcp, "unknown"}) {
      const bool local = peer == kUnix;
      SCOPED_TRACE(absl::StrCat(method, " from ", peer));
      EXPECT_EQ(Outcome(method, peer, ""),
                local && !worker ? "local" : "TOKEN_MISSING");
      EXPECT_EQ(Outcome(method, peer, "Bearer admin"),
                worker ? "TOKEN_INVALID" : "admin");
      EXPECT_EQ(Outcome(method, peer, "Bearer worker"),
                worker ? "jobs/a" : "TOKEN_INVALID");
      EXPECT_EQ(Outcome(method, peer, "Bearer other"), "TOKEN_INVALID");
      EXPECT_EQ(Outcome(method, peer, "Bearer "), "TOKEN_INVALID");
      EXPECT_EQ(Outcome(method, peer, "Basic admin"), "TOKEN_INVALID");
    }
  }
}

TEST_F(AccessTest, ACertificateStandsForATokenButNotForAWorkers) {
  EXPECT_EQ(Outcome(kUserMethod, kTcp, "", "alice"), "alice");
  EXPECT_EQ(Outcome(kWorkerMethod, kTcp, "", "alice"), "TOKEN_MISSING");
  EXPECT_EQ(Outcome(kUserMethod, kTcp, "", "admin"),
            "CERTIFICATE_NAME_INVALID");
  // Who brings both is who the token says.
  EXPECT_EQ(Outcome(kUserMethod, kTcp, "Bearer admin", "alice"), "admin");
  EXPECT_EQ(Outcome(kUserMethod, kTcp, "Bearer other", "alice"),
            "TOKEN_INVALID");
}

TEST_F(AccessTest, WhoIsUnknownToTheDirectoryIsAUser) {
  EXPECT_EQ(access_.Check(kUserMethod, {kTcp, "", "alice"})->role, Role::kUser);
  EXPECT_EQ(
      Outcome("lockstep.v1.ClusterService/DrainServer", kTcp, "", "alice"),
      "ROLE_TOO_LOW");
}

TEST_F(AccessTest, TheSocketAndTheAdminTokenOwnAll) {
  for (const CallOrigin& origin :
       {CallOrigin{kUnix, ""}, CallOrigin{kTcp, "Bearer admin"}}) {
    EXPECT_TRUE(ActorOf(*access_.Check(kUserMethod, origin)).owns_all);
  }
  EXPECT_FALSE(
      ActorOf(*access_.Check(kUserMethod, {kTcp, "", "alice"})).owns_all);
}

TEST_F(AccessTest, SaysWhichAttemptAWorkerIs) {
  const auto principal = access_.Check(kWorkerMethod, {kUnix, "Bearer worker"});
  EXPECT_EQ(principal->attempt, (AttemptRef{"jobs/a", 2}));
  EXPECT_EQ(principal->role, Role::kNone);
  EXPECT_EQ(access_.Check(kUserMethod, {kUnix, ""})->attempt, std::nullopt);
}

TEST_F(AccessTest, ATokenEndsWithItsAttempt) {
  tokens_.Remove({"jobs/a", 2});
  EXPECT_EQ(Outcome(kWorkerMethod, kUnix, "Bearer worker"), "TOKEN_INVALID");
}

TEST_F(AccessTest, HealthIsForAnybodyAndTheUnknownForNobody) {
  EXPECT_EQ(Outcome("grpc.health.v1.Health/Check", kTcp, ""), "anybody");
  EXPECT_EQ(Outcome("lockstep.v1.JobService/Nothing", kUnix, ""),
            "NO_ACCESS_RULE");
}

}  // namespace
}  // namespace lockstep
