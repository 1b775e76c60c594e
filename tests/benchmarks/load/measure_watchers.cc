#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "tests/benchmarks/load/byte_calls.h"
#include "tests/benchmarks/load/closed_loop.h"
#include "tests/benchmarks/load/fake_job.h"
#include "tests/benchmarks/load/percentile.h"
#include "tests/benchmarks/load/scenarios.h"

namespace lockstep::load {
namespace {

constexpr int kWatchers = 1000;
constexpr int kStreamsAConnection = 50;
// One in so many looks into its messages.
constexpr int kReaders = 16;
constexpr char kJob[] = "load-watched";
// Holds when it was set.
constexpr char kSent[] = "sent";

// What all watchers see together.
struct Seen {
  std::atomic<int64_t> messages = 0;
  absl::Mutex mu;
  std::vector<double> lags_ms ABSL_GUARDED_BY(mu);

  void Add(const v1::WatchJobsResponse& change) {
    const auto sent = change.job().labels().find(kSent);
    int64_t micros = 0;
    if (sent == change.job().labels().end() ||
        !absl::SimpleAtoi(sent->second, &micros)) {
      return;
    }
    const double lag =
        static_cast<double>(absl::ToUnixMicros(absl::Now()) - micros) / 1000;
    absl::MutexLock lock(&mu);
    lags_ms.push_back(lag);
  }
};

grpc::ByteBuffer RequestBytes() {
  v1::WatchJobsRequest request;
  request.set_name(absl::StrCat("jobs/", kJob));
  return BytesOf(request.SerializeAsString());
}

class Watcher final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Watcher(grpc::GenericStub& stub, bool reads, Seen& seen)
      : reads_(reads), seen_(seen), request_(RequestBytes()) {
    stub.PrepareBidiStreamingCall(
        &context_, "/lockstep.v1.JobService/WatchJobs", {}, this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&change_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }
  void Wait() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&done_));
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++seen_.messages;
    v1::WatchJobsResponse change;
    if (reads_ && grpc::SerializationTraits<v1::WatchJobsResponse>::Deserialize(
                      &change_, &change)
                      .ok()) {
      seen_.Add(change);
    }
    change_.Clear();
    StartRead(&change_);
  }
  void OnDone(const grpc::Status&) override {
    absl::MutexLock lock(&mu_);
    done_ = true;
  }

  const bool reads_;
  Seen& seen_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer change_;
  absl::Mutex mu_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
};

// Does not wait for the answer.
void Change(v1::JobService::Stub& jobs) {
  using Call = UnaryCall<v1::UpdateJobRequest, v1::Job>;
  auto call = std::make_shared<Call>();
  v1::UpdateJobRequest& request = call->request;
  request.mutable_job()->set_name(absl::StrCat("jobs/", kJob));
  (*request.mutable_job()->mutable_labels())[kSent] =
      absl::StrCat(absl::ToUnixMicros(absl::Now()));
  request.mutable_update_mask()->add_paths(absl::StrCat("labels.", kSent));
  jobs.async()->UpdateJob(&call->context, &request, &call->response,
                          [call](const grpc::Status& status) {
                            if (!status.ok())
                              Die("UpdateJob: " + status.error_message());
                          });
}

// So many changes, one each `interval`, in open loop.
void Pace(const Daemon& daemon, v1::JobService::Stub& jobs, Seen& seen,
          int changes, absl::Duration interval) {
  {
    absl::MutexLock lock(&seen.mu);
    seen.lags_ms.clear();
  }
  const int64_t before = seen.messages;
  const absl::Duration cpu = daemon.CpuTime();
  const absl::Time begin = absl::Now();
  for (int i = 0; i < changes; ++i) {
    absl::SleepFor(begin + i * interval - absl::Now());
    Change(jobs);
  }
  const int64_t wanted = before + int64_t{changes} * kWatchers;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (seen.messages < wanted && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  const int64_t messages = seen.messages - before;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  absl::MutexLock lock(&seen.mu);
  std::printf("%8.0f %10.0f %10lld %8.1f %8.1f %9.0f %8.1f\n",
              1 / absl::ToDoubleSeconds(interval),
              static_cast<double>(messages) / seconds,
              static_cast<long long>(wanted - seen.messages),
              Percentile(seen.lags_ms, 0.50), Percentile(seen.lags_ms, 0.99),
              daemon.RssMegabytes(),
              absl::ToDoubleMicroseconds(daemon.CpuTime() - cpu) /
                  static_cast<double>(messages));
}

}  // namespace

void MeasureWatchers(const Daemon& daemon) {
  const auto jobs = v1::JobService::NewStub(daemon.Connect());
  {
    grpc::ClientContext context;
    v1::Job job;
    const grpc::Status status =
        jobs->CreateJob(&context, JobRequest(kJob, 1), &job);
    if (!status.ok()) Die("CreateJob: " + status.error_message());
  }
  const double before = daemon.RssMegabytes();
  const auto stubs = ByteStubs(daemon, kWatchers / kStreamsAConnection);
  Seen seen;
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < kWatchers; ++i) {
    watchers.push_back(
        std::make_unique<Watcher>(*stubs[i / kStreamsAConnection],
                                  /*reads=*/i % kReaders == 0, seen));
  }
  // Each has its snapshot.
  while (seen.messages < kWatchers) absl::SleepFor(absl::Milliseconds(5));
  std::printf(
      "\n%d watchers of one job; RSS without them %.0f MiB\n"
      "%8s %10s %10s %8s %8s %9s %8s\n",
      kWatchers, before, "changes/s", "messages/s", "missing", "p50 ms",
      "p99 ms", "RSS MiB", "CPU us");
  Pace(daemon, *jobs, seen, 80, absl::Milliseconds(125));
  Pace(daemon, *jobs, seen, 100, absl::Milliseconds(50));
  Pace(daemon, *jobs, seen, 200, absl::Milliseconds(20));
  for (const auto& watcher : watchers) watcher->Cancel();
  for (const auto& watcher : watchers) watcher->Wait();
}

}  // namespace lockstep::load
