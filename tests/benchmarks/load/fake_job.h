#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_FAKE_JOB_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_FAKE_JOB_H_

// A job whose prepare, supervisor and ranks are played here: they say by the
// real protocol what real ones say, and compute nothing.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "tests/benchmarks/load/closed_loop.h"
#include "tests/benchmarks/load/daemon.h"

namespace lockstep::load {

// A job file of about 1 KiB, on CPU.
v1::CreateJobRequest JobRequest(const std::string& id, int ranks);

class FakeJob {
 public:
  // Creates the job, and is its prepare and its ranks until it is RUNNING.
  // Ends this process when that fails.
  FakeJob(const Daemon& daemon, const std::string& id, int ranks);
  // Its stream breaks; the job is left running.
  ~FakeJob();
  FakeJob(const FakeJob&) = delete;
  FakeJob& operator=(const FakeJob&) = delete;

  // How often a rank that reports nothing says that it lives.
  absl::Duration heartbeat_interval() const { return heartbeat_interval_; }
  // What it says then; false when its stream is closed.
  bool Heartbeat(int rank);
  // What it says of a step: `points` metric points of eight values each.
  void Report(int rank, int points, Answered answered);
  // All that a rank of a GPU on another host can tell: of a step, with where
  // its time went, and of its own GPU, which may have had an error; by rank 0
  // of an evaluation and a checkpoint besides. Ends this process when it is not
  // taken.
  void TellAll(int rank, bool gpu_had_error);

 private:
  struct Rank {
    int64_t seq = 0;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<worker::v1::HeartbeatRequest,
                                             worker::v1::HeartbeatResponse>>
        heartbeats;
  };
  using WorkerStub = worker::v1::WorkerService::Stub;

  v1::Job AwaitState(v1::Job::State state);
  std::string TokenOf(int attempt) const;
  void Prepare();
  void Train();
  void Join(int rank);
  void CommitCheckpoint(int64_t step);
  void TellGpu(int rank, bool had_error);
  void Prepare(grpc::ClientContext& context, const std::string& token) const;
  worker::v1::Caller Caller(int attempt, int rank) const;

  const Daemon& daemon_;
  const std::string name_;
  std::string uid_;
  std::string token_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<WorkerStub> worker_;
  std::vector<Rank> ranks_;
  absl::Duration heartbeat_interval_;
  grpc::ClientContext attach_context_;
  std::unique_ptr<grpc::ClientReaderWriter<worker::v1::AttachRequest,
                                           worker::v1::AttachResponse>>
      attach_;
};

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_FAKE_JOB_H_
