#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_DAEMON_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_DAEMON_H_

// A real lockstepd in a folder of its own. Unless its workers are real, the
// program that it starts for jobs does nothing and ends with this process; what
// it would say is said here (fake_job.h), with the token that the coordinator
// wrote for it.

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "lockstep/v1/job_service.grpc.pb.h"

namespace lockstep::load {

class Daemon {
 public:
  enum class Workers { kPlayed, kReal };

  // Ends this process when it cannot be started.
  explicit Daemon(int cpu_slots, Workers workers = Workers::kPlayed);
  // Kills it and removes the folder.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // SIGKILL, and again from the start to the first answer.
  absl::Duration KillAndRestart();

  // A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const;
  const std::string& folder() const { return folder_; }
  // http://127.0.0.1:PORT/metrics
  const std::string& metrics_url() const { return metrics_url_; }
  std::string state_dir() const { return folder_ + "/state"; }

  // Of the process: processor time so far, memory held.
  absl::Duration CpuTime() const;
  double RssMegabytes() const;

 private:
  void Start();
  void Kill();

  const int cpu_slots_;
  const Workers workers_;
  std::string folder_;
  std::string metrics_url_;
  pid_t pid_ = -1;
};

// `count` connections, for clients to share.
template <typename Service>
std::vector<std::unique_ptr<typename Service::Stub>> Stubs(const Daemon& daemon,
                                                           int count) {
  std::vector<std::unique_ptr<typename Service::Stub>> stubs;
  for (int i = 0; i < count; ++i) {
    stubs.push_back(Service::NewStub(daemon.Connect()));
  }
  return stubs;
}

// Prints why and ends.
[[noreturn]] void Die(const std::string& why);

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_DAEMON_H_
