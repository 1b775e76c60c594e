#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/byte_calls.h"
#include "tests/benchmarks/load/closed_loop.h"
#include "tests/benchmarks/load/fake_job.h"
#include "tests/benchmarks/load/scenarios.h"

namespace lockstep::load {
namespace {

constexpr int kConnections = 8;
constexpr int64_t kNullCalls = 4000;

struct Level {
  int clients;
  // Part of all jobs, in percent.
  int64_t share;
};
constexpr Level kLevels[] = {{1, 3}, {8, 12}, {64, 35}, {256, 50}};

// The smallest call there is.
LoopFigures NullRpc(
    const std::vector<std::unique_ptr<v1::ClusterService::Stub>>& stubs,
    int clients) {
  using Call = UnaryCall<v1::GetServerInfoRequest, v1::ServerInfo>;
  return RunClosedLoop(
      clients, kNullCalls, [&](int client, int64_t, Answered answered) {
        auto call = std::make_shared<Call>();
        stubs[client % kConnections]->async()->GetServerInfo(
            &call->context, &call->request, &call->response,
            [call, answered](const grpc::Status& status) { answered(status); });
      });
}

// A request whose ids are its own. What follows a message in bytes is merged
// into it.
grpc::ByteBuffer RequestBytes(const std::string& spec, int64_t number) {
  v1::CreateJobRequest ids;
  ids.set_job_id(absl::StrCat("load-", number));
  ids.set_request_id(absl::StrCat("request-load-", number));
  return BytesOf(spec + ids.SerializeAsString());
}

LoopFigures Submit(const std::vector<std::unique_ptr<grpc::GenericStub>>& stubs,
                   int clients, int64_t first, int64_t jobs) {
  using Call = UnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>;
  v1::CreateJobRequest request = JobRequest("", 1);
  request.clear_request_id();
  request.mutable_spec()->set_output_dir("/out/load");
  const std::string spec = request.SerializeAsString();
  return RunClosedLoop(
      clients, jobs, [&](int client, int64_t number, Answered answered) {
        auto call = std::make_shared<Call>();
        call->request = RequestBytes(spec, first + number);
        stubs[client % kConnections]->UnaryCall(
            &call->context, "/lockstep.v1.JobService/CreateJob", {},
            &call->request, &call->response,
            [call, answered](const grpc::Status& status) { answered(status); });
      });
}

}  // namespace

double FsyncRate(const std::string& folder) {
  const std::string path = folder + "/fsync";
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (fd < 0) Die("cannot write " + path);
  const std::string block(4096, 'x');
  const absl::Time begin = absl::Now();
  int64_t appends = 0;
  while (absl::Now() - begin < absl::Seconds(1)) {
    if (write(fd, block.data(), block.size()) !=
            static_cast<ssize_t>(block.size()) ||
        fdatasync(fd) != 0) {
      Die("cannot write " + path);
    }
    ++appends;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  close(fd);
  unlink(path.c_str());
  return static_cast<double>(appends) / seconds;
}

void MeasureSubmit(const Daemon& daemon, int64_t jobs) {
  const auto job_stubs = ByteStubs(daemon, kConnections);
  const auto info_stubs = Stubs<v1::ClusterService>(daemon, kConnections);
  std::printf(
      "\ndurable CreateJob, 1 KiB\n%8s %9s %8s %8s %10s %10s %10s %10s\n",
      "clients", "jobs/s", "p50 ms", "p99 ms", "fsync/s", "null/s", "of fsync",
      "CPU us");
  int64_t created = 0;
  for (const Level& level : kLevels) {
    const double floor = FsyncRate(daemon.folder());
    const LoopFigures null = NullRpc(info_stubs, level.clients);
    const int64_t wanted = jobs * level.share / 100;
    const absl::Duration cpu = daemon.CpuTime();
    const LoopFigures figures =
        Submit(job_stubs, level.clients, created, wanted);
    const double cpu_us = absl::ToDoubleMicroseconds(daemon.CpuTime() - cpu) /
                          static_cast<double>(wanted);
    created += wanted;
    if (figures.failed > 0) {
      Die(absl::StrCat(figures.failed, " calls failed: ", figures.failure));
    }
    std::printf("%8d %9.0f %8.2f %8.2f %10.0f %10.0f %10.2f %10.0f\n",
                level.clients, figures.per_second, figures.p50_ms,
                figures.p99_ms, floor, null.per_second,
                figures.per_second / floor, cpu_us);
  }
}

}  // namespace lockstep::load
