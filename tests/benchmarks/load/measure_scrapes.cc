#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/fake_job.h"
#include "tests/benchmarks/load/limit.h"
#include "tests/benchmarks/load/percentile.h"
#include "tests/benchmarks/load/scenarios.h"
#include "tests/testing/http_get.h"

namespace lockstep::load {
namespace {

constexpr int kFleet = 1000;
constexpr int kStarters = 8;
constexpr int kScrapes = 50;
// Of a hundred GPUs one has had an error, which is many.
constexpr int kGpusAnError = 100;
// Of all that 1,000 jobs can tell.
constexpr int kMostSeries = 60'000;
constexpr double kMostMilliseconds = 100;
constexpr double kMostMegabytes = 100;

std::vector<std::unique_ptr<FakeJob>> StartFleet(const Daemon& daemon) {
  std::vector<std::unique_ptr<FakeJob>> jobs(kFleet);
  std::atomic<int> next = 0;
  std::vector<std::thread> starters;
  for (int i = 0; i < kStarters; ++i) {
    starters.emplace_back([&] {
      for (int job = next++; job < kFleet; job = next++) {
        jobs[job] = std::make_unique<FakeJob>(
            daemon, absl::StrCat("fleet-", job), /*ranks=*/1);
      }
    });
  }
  for (std::thread& starter : starters) starter.join();
  return jobs;
}

int SeriesIn(const std::string& page) {
  int series = 0;
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    if (absl::StartsWith(line, "lockstep_")) ++series;
  }
  return series;
}

struct ScrapeCost {
  int series = 0;
  double p50_ms = 0;
};

ScrapeCost Scrape(const Daemon& daemon, const char* of) {
  std::vector<double> took;
  std::string page;
  const absl::Duration cpu = daemon.CpuTime();
  for (int i = 0; i < kScrapes; ++i) {
    const absl::Time begin = absl::Now();
    page = testing::HttpGet(daemon.metrics_url());
    took.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
  }
  const ScrapeCost cost = {SeriesIn(page), Percentile(took, 0.5)};
  std::printf("%-26s %8d %10.2f %8.1f %8.1f %8.1f %10.0f\n", of, cost.series,
              static_cast<double>(page.size()) / (1 << 20), cost.p50_ms,
              Percentile(took, 0.99),
              absl::ToDoubleMilliseconds(daemon.CpuTime() - cpu) / kScrapes,
              daemon.RssMegabytes());
  return cost;
}

}  // namespace

bool MeasureScrapes() {
  const Daemon daemon(kFleet);
  std::printf("\n%-26s %8s %10s %8s %8s %8s %10s\n", "a scrape", "series",
              "MiB", "p50 ms", "p99 ms", "CPU ms", "RSS MiB");
  Scrape(daemon, "no job");
  const auto jobs = StartFleet(daemon);
  const double unscraped = daemon.RssMegabytes();
  std::printf("%-26s %8s %10s %8s %8s %8s %10.0f\n", "1,000 jobs, no scrape",
              "", "", "", "", "", unscraped);
  Scrape(daemon, "1,000 jobs, a step of each");
  for (int i = 0; i < kFleet; ++i) jobs[i]->TellAll(0, i % kGpusAnError == 0);
  const ScrapeCost cost = Scrape(daemon, "all that a job can tell");
  bool kept = IsKept("series", cost.series, kMostSeries);
  kept = IsKept("ms of a scrape, p50", cost.p50_ms, kMostMilliseconds) && kept;
  return IsKept("MiB for /metrics", daemon.RssMegabytes() - unscraped,
                kMostMegabytes) &&
         kept;
}

}  // namespace lockstep::load
