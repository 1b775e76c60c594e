#include "client/cli/top_feed.h"

#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "proto/contract/printable.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr int kMostEnded = 100;
constexpr int kLogLines = 200;
constexpr size_t kMostBytes = 400;  // Of a line.
// Of a log in one round. Where its lines are long, fewer are asked for.
constexpr int64_t kMostLogBytes = 1 << 20;

std::vector<v1::Job::State> StatesThatAre(bool terminal) {
  std::vector<v1::Job::State> states;
  for (int i = v1::Job::State_MIN + 1; i <= v1::Job::State_MAX; ++i) {
    const auto state = static_cast<v1::Job::State>(i);
    if (IsTerminal(state) == terminal) states.push_back(state);
  }
  return states;
}

// Fit for cells that are a column wide: what may be wider, or nothing, is '?'.
std::string OneLine(absl::string_view text) {
  // The lead byte of U+0300, where characters without a width begin.
  constexpr unsigned char kFirstWithout = 0xcc;
  std::string line;
  for (char byte : Printable(text, kMostBytes)) {
    const auto code = static_cast<unsigned char>(byte);
    const bool is_rest = (code & 0xc0) == 0x80;
    if (code >= kFirstWithout) {
      line += '?';
    } else if (!is_rest || (!line.empty() && line.back() != '?')) {
      line += byte;
    }
  }
  return line;
}

// What became of it, in a line. How the job takes it the table shows.
std::string DoRequest(JobClient& client, const TopRequest& request) {
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
                     : OneLine(status.message());
}

}  // namespace

absl::StatusOr<TopNews> FetchTopNews(JobClient& client) {
  ASSIGN_OR_RETURN(std::vector<v1::Job> alive,
                   client.List({.states = StatesThatAre(/*terminal=*/false)}));
  TopNews news;
  ASSIGN_OR_RETURN(news.jobs,
                   client.List({.states = StatesThatAre(/*terminal=*/true),
                                .limit = kMostEnded}));
  ASSIGN_OR_RETURN(news.nodes, client.Nodes());
  // What has ended between the two calls is in both.
  std::set<std::string> ended;
  for (const v1::Job& job : news.jobs) ended.insert(job.name());
  for (v1::Job& job : alive) {
    if (!ended.contains(job.name())) news.jobs.push_back(std::move(job));
  }
  return news;
}

TopFeed::Log TopFeed::NewLog(const std::string& job) {
  // A byte more than is shown, so that one sees that a line goes on.
  return {job, "", 0, LogTail(kLogLines, kMostBytes + 1)};
}

TopFeed::TopFeed(JobClient client, absl::Duration interval,
                 std::function<void()> on_news)
    : client_(std::move(client)),
      interval_(interval),
      on_news_(std::move(on_news)),
      log_(NewLog("")),
      thread_([this] { Run(); }) {}

TopFeed::~TopFeed() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
    // Each call has its time limit.
    mu_.Await(absl::Condition(this, &TopFeed::AllAnswered));
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

void TopFeed::Ask(const TopRequest& request) {
  absl::MutexLock lock(&mu_);
  requests_.push_back(request);
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
    AnswerRequests();
    DoRound();
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(this, &TopFeed::HasWork), interval_);
    if (stop_ && requests_.empty()) return;
    changed_ = false;
  }
}

std::optional<TopRequest> TopFeed::NextRequest() {
  absl::MutexLock lock(&mu_);
  if (requests_.empty()) return std::nullopt;
  return requests_.front();
}

void TopFeed::AnswerRequests() {
  while (const std::optional<TopRequest> request = NextRequest()) {
    std::string answer = DoRequest(client_, *request);
    absl::MutexLock lock(&mu_);
    message_ = std::move(answer);
    requests_.pop_front();
  }
}

void TopFeed::DoRound() {
  const absl::StatusOr<TopNews> news = FetchTopNews(client_);
  std::string job;
  TopPane pane = TopPane::kNone;
  {
    absl::MutexLock lock(&mu_);
    news_ =
        news.ok() ? *news : TopNews{{}, {}, OneLine(news.status().message())};
    job = job_;
    pane = pane_;
  }
  on_news_();
  // Of a coordinator that does not answer, what was seen last stays.
  if (!news.ok()) return;
  TopDetails details = FetchDetails(job, pane);
  {
    absl::MutexLock lock(&mu_);
    if (job == job_) details_ = std::move(details);
  }
  on_news_();
}

TopDetails TopFeed::FetchDetails(const std::string& job, TopPane pane) {
  TopDetails details;
  if (job.empty() || pane == TopPane::kNone) return details;
  // What goes wrong here, a deleted job or a log that is not there yet, leaves
  // the pane empty: the table says more.
  if (pane == TopPane::kLog) {
    details.log = FetchLog(job);
  } else {
    details.loss = FetchLoss(job);
  }
  return details;
}

absl::StatusOr<bool> TopFeed::ReadLog(int lines, int64_t most_bytes) {
  v1::StreamLogsRequest request;
  request.set_name(JobName(log_.job));
  request.set_tail_lines(lines);
  request.set_resume_token(log_.cursor);
  int64_t bytes = 0;
  RETURN_IF_ERROR(
      client_.LogsWhile(request, [&](const v1::StreamLogsResponse& piece) {
        bytes += static_cast<int64_t>(piece.data().size());
        if (bytes > most_bytes) return false;
        if (piece.attempt() != log_.attempt) log_ = NewLog(log_.job);
        log_.attempt = piece.attempt();
        log_.cursor = piece.resume_token();
        log_.lines.Add(piece.data());
        return true;
      }));
  return bytes <= most_bytes;
}

std::vector<std::string> TopFeed::FetchLog(const std::string& job) {
  if (log_.job != job) log_ = NewLog(job);
  absl::StatusOr<bool> is_all = false;
  if (!log_.cursor.empty()) is_all = ReadLog(0, kMostLogBytes);
  for (int lines = kLogLines; is_all.ok() && !*is_all; lines /= 10) {
    log_ = NewLog(job);
    // The last line is shown however long it is.
    const bool is_least = lines < 10;
    is_all = ReadLog(
        lines, is_least ? std::numeric_limits<int64_t>::max() : kMostLogBytes);
  }
  if (!is_all.ok()) log_ = NewLog(job);
  std::vector<std::string> lines;
  lines.reserve(log_.lines.lines().size());
  for (const std::string& line : log_.lines.lines()) {
    lines.push_back(OneLine(line));
  }
  return lines;
}

std::vector<PlotPoint> TopFeed::FetchLoss(const std::string& job) {
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
  std::vector<PlotPoint> points;
  points.reserve(curve_.loss.size());
  for (const auto& [step, loss] : curve_.loss) points.push_back({step, loss});
  return points;
}

}  // namespace lockstep::cli
