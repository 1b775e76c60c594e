#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/percentile.h"
#include "tests/benchmarks/load/scenarios.h"

namespace lockstep::load {
namespace {

constexpr int kRestarts = 3;

// One page; how long it took.
double Page(v1::JobService::Stub& jobs, const v1::ListJobsRequest& request,
            v1::ListJobsResponse* response) {
  grpc::ClientContext context;
  const absl::Time begin = absl::Now();
  const grpc::Status status = jobs.ListJobs(&context, request, response);
  if (!status.ok()) Die("ListJobs: " + status.error_message());
  return absl::ToDoubleMilliseconds(absl::Now() - begin);
}

// From the first page to the last, or `most` of them.
void MeasurePages(v1::JobService::Stub& jobs, const char* what,
                  v1::ListJobsRequest request, int most) {
  std::vector<double> pages;
  int64_t seen = 0;
  do {
    v1::ListJobsResponse response;
    pages.push_back(Page(jobs, request, &response));
    seen += response.jobs_size();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() &&
           static_cast<int>(pages.size()) < most);
  std::printf("%-34s %6zu %8lld %8.2f %8.2f\n", what, pages.size(),
              static_cast<long long>(seen), Percentile(pages, 0.50),
              Percentile(pages, 0.99));
}

}  // namespace

void MeasureLists(const Daemon& daemon) {
  const auto jobs = v1::JobService::NewStub(daemon.Connect());
  std::printf("\nListJobs\n%-34s %6s %8s %8s %8s\n", "", "pages", "jobs",
              "p50 ms", "p99 ms");
  v1::ListJobsRequest request;
  request.set_page_size(100);
  MeasurePages(*jobs, "pages of 100, newest first", request, 200);
  request.set_page_size(1000);
  MeasurePages(*jobs, "pages of 1000, all", request, 1 << 20);
  request.set_page_size(100);
  request.set_order_by("name");
  MeasurePages(*jobs, "pages of 100 by name", request, 200);
  request.clear_order_by();
  request.set_filter("name = load-77777");
  MeasurePages(*jobs, "a filter that one job matches", request, 1);
  request.set_filter("labels.padding-0 = none*");
  MeasurePages(*jobs, "a filter that none matches", request, 1);
}

void MeasureRestart(Daemon& daemon) {
  std::printf("\nrestart after SIGKILL, to the first answer: ");
  for (int i = 0; i < kRestarts; ++i) {
    std::printf(" %.2f s", absl::ToDoubleSeconds(daemon.KillAndRestart()));
  }
  std::printf("; RSS %.0f MiB\n", daemon.RssMegabytes());
}

}  // namespace lockstep::load
