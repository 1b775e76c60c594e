#ifndef LOCKSTEP_TESTS_SERVER_SERVICE_SERVICE_FIXTURE_H_
#define LOCKSTEP_TESTS_SERVER_SERVICE_SERVICE_FIXTURE_H_

// The three services on a real scheduler, with a store in memory and a launcher
// that starts nothing, behind an in-process channel.

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grpcpp/server.h"
#include "gtest/gtest.h"
#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "server/events/event_log.h"
#include "server/events/metric_log.h"
#include "server/metrics/server_metrics.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/queue_policy.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/scheduler_options.h"
#include "server/service/access.h"
#include "server/service/cluster_service.h"
#include "server/service/job_service.h"
#include "server/service/metrics_feed.h"
#include "server/service/stream_pump.h"
#include "server/service/worker_service.h"
#include "server/store/memory_job_store.h"
#include "server/store/store_backup.h"
#include "server/system_clock.h"
#include "tests/testing/fake_launcher.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {

inline constexpr char kAdminToken[] = "the-admin-token";

// What the services' token file says: the tokens are "alice-token" and so on.
// alice and bob are users, vera a viewer, root an admin; that of erin has
// expired, and that of rob was revoked.
std::string TestTokenFile();

// With a deadline, so that a test that waits for nothing ends.
class TestContext : public grpc::ClientContext {
 public:
  explicit TestContext(const std::string& token = kAdminToken);
};

// Copies a text instead of a store, in two pieces.
class FakeBackup : public StoreBackup {
 public:
  absl::StatusOr<std::unique_ptr<Copy>> Start(const std::string& path) override;

  std::string text;
  absl::Status error;  // Of the first piece.
};

class ServiceFixture : public ::testing::Test {
 protected:
  ServiceFixture();
  ~ServiceFixture() override;

  // Of a socket that the services are served on as well.
  std::string address() const { return "unix:" + dir_.Path("sock"); }

  // A request that is accepted, on one CPU rank.
  static v1::CreateJobRequest GoodRequest(const std::string& id);

  // Creates a job; it is PREPARING when this returns.
  v1::Job Create(const std::string& id, int ranks = 1);
  // Ends prepare with a plan; the token of attempt 1 when that is launched.
  std::string Prepare(const std::string& id);
  // Ends the newest attempt, in which all ranks end with this code.
  void EndAttempt(const std::string& id, int exit_code);
  v1::Job WaitForState(const std::string& id, v1::Job::State state);
  v1::Job Get(const std::string& id);

  worker::v1::Caller CallerOf(const std::string& id, int attempt, int rank);
  // Points of `caller` with seq first..last; the highest one acknowledged.
  int64_t Report(const std::string& token, const worker::v1::Caller& caller,
                 int64_t first, int64_t last);
  // Until the metrics know what was answered so far.
  void AwaitFeed();
  // Appends to the log of a rank.
  void WriteLog(const std::string& id, int attempt, int rank,
                const std::string& text);
  void WritePrepareLog(const std::string& id, const std::string& text);

  // Reason of a refused call.
  static std::string Reason(const grpc::Status& status) {
    return ErrorReason(FromGrpcStatus(status));
  }

  ScopedTempDir dir_;
  SystemClock clock_;
  DeadlineClock deadline_clock_{clock_};
  MemoryJobStore store_;
  FakeBackup backup_;
  EventLog events_{store_, 64};
  MetricLog metric_log_{dir_.Path("jobs")};
  ServerMetrics metrics_{clock_, {}};
  AttemptTokens tokens_;
  QueuePolicy policy_;
  FakeLauncher launcher_{2};
  Rendezvous rendezvous_{deadline_clock_};
  StreamPump pump_;
  Scheduler scheduler_;
  // Of TestTokenFile.
  std::unique_ptr<UserDirectory> users_;
  std::optional<Access> access_;
  ServiceOptions options_;
  std::shared_ptr<MetricsFeed> feed_;
  std::unique_ptr<JobServiceImpl> job_service_;
  std::unique_ptr<ClusterServiceImpl> cluster_service_;
  std::unique_ptr<WorkerServiceImpl> worker_service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ClusterService::Stub> cluster_;
  std::unique_ptr<worker::v1::WorkerService::Stub> workers_;

 private:
  void Append(const std::string& path, const std::string& text);
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SERVICE_SERVICE_FIXTURE_H_
