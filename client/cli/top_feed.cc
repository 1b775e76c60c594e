#include "client/cli/top_feed.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/printable.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr int kMostJobs = 500;
constexpr int kLogLines = 200;

// What became of it, in a line. How the job takes it the table shows.
std::string Ask(JobClient& client, const TopRequest& request) {
  absl::Status status;
  absl::string_view what;
  switch (request.kind) {
    case TopRequest::kQuit:
      return "";
    case TopRequest::kCancel:
      status = client.Cancel(request.job).status();
      what = "is asked to stop";
      break;
    case TopRequest::kPause:
      status = client.Pause(request.job).status();
      what = "is asked to pause";
      break;
    case TopRequest::kResume:
      status = client.Resume(request.job).status();
      what = "resumed";
      break;
  }
  return status.ok() ? absl::StrCat("job/", request.job, " ", what)
                     : std::string(status.message());
}

}  // namespace

absl::StatusOr<TopNews> FetchTopNews(JobClient& client) {
  TopNews news;
  ASSIGN_OR_RETURN(news.jobs, client.List({.limit = kMostJobs}));
  ASSIGN_OR_RETURN(news.nodes, client.Nodes());
  return news;
}

TopFeed::TopFeed(JobClient client, absl::Duration interval,
                 std::function<void()> on_news)
    : client_(std::move(client)),
      interval_(interval),
      on_news_(std::move(on_news)),
      thread_([this] { Run(); }) {}

TopFeed::~TopFeed() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  client_.Interrupt();
  thread_.join();
}

void TopFeed::Look(const std::string& job, TopPane pane) {
  absl::MutexLock lock(&mu_);
  if (job == job_ && pane == pane_) return;
  if (job != job_) details_ = {};
  job_ = job;
  pane_ = pane;
  changed_ = true;
}

void TopFeed::Do(const TopRequest& request) {
  absl::MutexLock lock(&mu_);
  request_ = request;
  changed_ = true;
}

std::optional<TopNews> TopFeed::TakeNews() {
  absl::MutexLock lock(&mu_);
  return std::exchange(news_, std::nullopt);
}

std::optional<std::string> TopFeed::TakeMessage() {
  absl::MutexLock lock(&mu_);
  return std::exchange(message_, std::nullopt);
}

TopDetails TopFeed::Details() {
  absl::MutexLock lock(&mu_);
  return details_;
}

void TopFeed::Run() {
  while (true) {
    DoRound();
    on_news_();
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(this, &TopFeed::HasWork), interval_);
    if (stop_) return;
    changed_ = false;
  }
}

void TopFeed::DoRound() {
  std::string job;
  std::optional<TopRequest> request;
  TopPane pane = TopPane::kNone;
  {
    absl::MutexLock lock(&mu_);
    job = job_;
    pane = pane_;
    request = std::exchange(request_, std::nullopt);
  }
  std::optional<std::string> message;
  if (request.has_value()) message = Ask(client_, *request);
  absl::StatusOr<TopNews> news = FetchTopNews(client_);
  TopDetails details = FetchDetails(job, pane);
  absl::MutexLock lock(&mu_);
  if (message.has_value()) message_ = std::move(message);
  news_ = news.ok() ? *std::move(news)
                    : TopNews{{}, {}, std::string(news.status().message())};
  if (job == job_) details_ = std::move(details);
}

TopDetails TopFeed::FetchDetails(const std::string& job, TopPane pane) {
  TopDetails details;
  if (job.empty() || pane == TopPane::kNone) return details;
  // What goes wrong here, a deleted job or a log that is not there yet, leaves
  // the pane empty: the table says more.
  if (pane == TopPane::kLog) {
    v1::StreamLogsRequest request;
    request.set_name(JobName(job));
    request.set_tail_lines(kLogLines);
    std::string text;
    (void)client_.Logs(request, [&](const v1::StreamLogsResponse& lines) {
      text += lines.data();
    });
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      details.log.push_back(Printable(line, 400));
    }
    if (!details.log.empty() && details.log.back().empty()) {
      details.log.pop_back();
    }
    return details;
  }
  if (curve_.job != job) curve_ = {.job = job, .cursor = "", .loss = {}};
  (void)client_.Metrics(
      job, /*follow=*/false,
      [&](const v1::MetricPoint& point) {
        const auto loss = point.values().find("loss");
        if (loss != point.values().end()) {
          curve_.loss[point.step()] = loss->second;
        }
      },
      &curve_.cursor);
  details.loss.reserve(curve_.loss.size());
  for (const auto& [step, loss] : curve_.loss) {
    details.loss.push_back({step, loss});
  }
  return details;
}

}  // namespace lockstep::cli
