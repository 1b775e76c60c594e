#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/closed_loop.h"
#include "tests/benchmarks/load/fake_job.h"
#include "tests/benchmarks/load/scenarios.h"

namespace lockstep::load {
namespace {

constexpr int kRanks = 4;
constexpr int kMostPoints = 1000;
constexpr int64_t kReports = 400;
constexpr int kJobs = 100;
constexpr absl::Duration kIdle = absl::Seconds(20);
// Ranks that say nothing for longer are told of.
constexpr absl::Duration kQuiet = absl::Seconds(8);

// In batches of `points`, from so many ranks at a time.
void Ingest(FakeJob& job, int ranks, int points, int64_t reports, double floor,
            const Daemon& daemon) {
  const absl::Duration cpu = daemon.CpuTime();
  const LoopFigures figures =
      RunClosedLoop(ranks, reports, [&](int rank, int64_t, Answered answered) {
        job.Report(rank, points, std::move(answered));
      });
  if (figures.failed > 0) Die("Report: " + figures.failure);
  std::printf("%6d %8d %10.0f %10.0f %8.2f %8.2f %10.0f %10.1f\n", ranks,
              points, figures.per_second * points, figures.per_second,
              figures.p50_ms, figures.p99_ms, floor,
              absl::ToDoubleMicroseconds(daemon.CpuTime() - cpu) /
                  static_cast<double>(reports * points));
}

// What lockstepd uses while each job in turn, evenly spread, does `speak` once
// in `interval`.
double CoresUsed(const Daemon& daemon, absl::Duration interval,
                 absl::FunctionRef<void(int job)> speak) {
  const absl::Duration cpu = daemon.CpuTime();
  const absl::Time begin = absl::Now();
  for (int64_t said = 0; absl::Now() - begin < kIdle;) {
    speak(static_cast<int>(said % kJobs));
    ++said;
    absl::SleepFor(begin + said * interval / kJobs - absl::Now());
  }
  return absl::FDivDuration(daemon.CpuTime() - cpu, absl::Now() - begin);
}

// Nobody says anything: what the coordinator does of itself.
double CoresUsedAlone(const Daemon& daemon) {
  const absl::Duration cpu = daemon.CpuTime();
  absl::SleepFor(kQuiet);
  return absl::FDivDuration(daemon.CpuTime() - cpu, kQuiet);
}

}  // namespace

void MeasureMetrics() {
  const Daemon daemon(kRanks);
  FakeJob job(daemon, "metrics", kRanks);
  std::printf(
      "\nmetric points of 8 values, stored and acknowledged\n"
      "%6s %8s %10s %10s %8s %8s %10s %10s\n",
      "ranks", "a report", "points/s", "reports/s", "p50 ms", "p99 ms",
      "fsync/s", "CPU us");
  const double floor = FsyncRate(daemon.folder());
  Ingest(job, 1, 1, 4 * kReports, floor, daemon);
  Ingest(job, 1, 16, 4 * kReports, floor, daemon);
  Ingest(job, 1, kMostPoints, kReports, floor, daemon);
  Ingest(job, kRanks, kMostPoints, kReports, floor, daemon);
}

void MeasureIdle() {
  const Daemon daemon(kJobs);
  const double without = CoresUsedAlone(daemon);
  std::vector<std::unique_ptr<FakeJob>> jobs;
  for (int i = 0; i < kJobs; ++i) {
    jobs.push_back(
        std::make_unique<FakeJob>(daemon, absl::StrCat("idle-", i), 1));
  }
  for (const auto& job : jobs) job->Heartbeat(0);
  std::printf(
      "\nlockstepd, share of one core over %.0f s\n"
      "no job: %.2f%%\n",
      absl::ToDoubleSeconds(kIdle), 100 * without);
  std::printf("%d jobs run, nobody calls: %.2f%%\n", kJobs,
              100 * CoresUsedAlone(daemon));
  const absl::Duration interval = jobs[0]->heartbeat_interval();
  std::printf("a heartbeat every %s from each: %.2f%%\n",
              absl::FormatDuration(interval).c_str(),
              100 * CoresUsed(daemon, interval, [&](int job) {
                if (!jobs[job]->Heartbeat(0)) Die("a heartbeat failed");
              }));
  std::atomic<int64_t> under_way = 0;
  std::atomic<int64_t> failed = 0;
  const double steps = CoresUsed(daemon, absl::Seconds(1), [&](int job) {
    ++under_way;
    jobs[job]->Report(0, 1, [&](const grpc::Status& status) {
      if (!status.ok()) ++failed;
      --under_way;
    });
  });
  while (under_way > 0) absl::SleepFor(absl::Milliseconds(5));
  if (failed > 0) Die(absl::StrCat(failed.load(), " reports failed"));
  std::printf("or a step a second from each: %.2f%%; RSS %.0f MiB\n",
              100 * steps, daemon.RssMegabytes());
}

}  // namespace lockstep::load
