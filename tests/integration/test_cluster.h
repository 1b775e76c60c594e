#ifndef LOCKSTEP_TESTS_INTEGRATION_TEST_CLUSTER_H_
#define LOCKSTEP_TESTS_INTEGRATION_TEST_CLUSTER_H_

// A real lockstepd with real workers in a temporary folder, driven through the
// real command line. Each test has its own, on a UNIX socket of its own, so
// tests run in parallel.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "tests/integration/process.h"

namespace lockstep::testing {

// Where a coordinator listens by TLS, and what users need: PEM files.
struct TestTls {
  std::string address;
  std::string ca;
  std::string cert;
  std::string key;
};

class TestCluster {
 public:
  // `flags` are given to each daemon, beside those that a test needs; `prefix`
  // goes before its command line, and runs it elsewhere.
  explicit TestCluster(int cpu_slots = 2, std::vector<std::string> flags = {},
                       std::string bin_dir = BinDir(),
                       std::vector<std::string> prefix = {});
  // On TCP alone; `flags` have the coordinator's side of TLS.
  TestCluster(int cpu_slots, std::vector<std::string> flags, TestTls tls);
  // Kills the daemon and every process of its jobs.
  ~TestCluster();

  // A fresh folder for job files, models and output.
  const std::string& dir() const { return dir_; }
  std::string Path(const std::string& name) const { return dir_ + "/" + name; }

  // Runs `lockstep ARGS...` against this cluster.
  RunResult Lockstep(std::vector<std::string> args, int timeout_seconds = 120);
  // Writes `yaml` to a job file and submits it; the result of
  // `lockstep submit FILE --wait`.
  RunResult SubmitAndWait(const std::string& name, const std::string& yaml,
                          int timeout_seconds = 120);

  v1::Job GetJob(const std::string& id);
  // Watches it until it is in this state, or one of which `done` says so, for a
  // minute at most.
  v1::Job WaitForState(const std::string& id, v1::Job::State state);
  v1::Job WaitForJob(const std::string& id,
                     const std::function<bool(const v1::Job&)>& done);
  // The first event of this type that it has or gets, within a minute.
  v1::Event WaitForEvent(const std::string& id, const std::string& type);
  // Follows the job's metrics until `done` says so; false when the stream ended
  // first.
  bool FollowMetrics(const std::string& id,
                     const std::function<bool(const v1::MetricPoint&)>& done);
  // The same from a cursor on, which moves with each batch; every point of a
  // batch is shown. False also when the stream broke: go on with the cursor.
  bool FollowMetricsFrom(
      const std::string& id, std::string& cursor,
      const std::function<bool(const v1::MetricPoint&)>& done);
  // All points with a loss, in order, of the last attempt that reported each
  // step.
  std::vector<double> Losses(const std::string& id);

  // A connection of its own, to this daemon and those after it.
  std::unique_ptr<v1::JobService::Stub> Connect() const;

  void KillDaemon();       // SIGKILL
  int TerminateDaemon();   // SIGTERM; returns its exit code
  int WaitForDaemonEnd();  // By itself; returns its exit code.
  void StartDaemon();
  // Of another folder from the next start on: daemon and workers. The command
  // line stays ours.
  void UpgradeTo(std::string bin_dir) { bin_dir_ = std::move(bin_dir); }
  const std::string& address() const { return address_; }
  pid_t daemon_pid() const { return daemon_->pid(); }
  std::string daemon_log() const { return ReadFile(Path("lockstepd.log")); }

 private:
  std::shared_ptr<grpc::Channel> NewChannel() const;
  // The first change of which `done` says so; the last one when there is none.
  v1::WatchJobsResponse WaitForChange(
      const v1::WatchJobsRequest& request,
      const std::function<bool(const v1::WatchJobsResponse&)>& done);

  std::string dir_;
  std::string socket_dir_;
  std::string address_;
  const int cpu_slots_;
  const std::vector<std::string> flags_;
  std::string bin_dir_;
  const std::vector<std::string> prefix_;
  const TestTls tls_;
  std::unique_ptr<BackgroundProcess> daemon_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_INTEGRATION_TEST_CLUSTER_H_
