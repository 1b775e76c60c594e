#include "server/webhook/webhook.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"
#include "server/server_log.h"
#include "server/webhook/webhook_message.h"

namespace lockstep {
namespace {

constexpr int kEntriesAtATime = 256;
constexpr int kGone = 410;

void Say(LogSeverity severity, absl::string_view message) {
  Log({.severity = severity,
       .source = "webhook",
       .message = absl::StrCat("webhook: ", message),
       .fields = {}});
}

// None when there is no file. A restart does not read the file of a crash in
// the middle: it gets its name when it is whole.
absl::StatusOr<std::optional<int64_t>> ReadCursor(const std::string& path) {
  std::ifstream file(path);
  if (!file.is_open()) return std::nullopt;
  std::string text;
  int64_t cursor = 0;
  file >> text;
  if (absl::SimpleAtoi(text, &cursor) && cursor >= 0) return cursor;
  return absl::DataLossError(
      absl::StrCat(path,
                   ": not a place in the journal; remove the file, and "
                   "only ends of jobs from now on are told"));
}

absl::Status WriteCursor(const std::string& path, int64_t cursor) {
  const std::string temporary = path + ".new";
  const std::string text = absl::StrCat(cursor, "\n");
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("open ", temporary));
  }
  const bool written = write(fd, text.data(), text.size()) ==
                           static_cast<ssize_t>(text.size()) &&
                       fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!written) {
    return absl::ErrnoToStatus(error, absl::StrCat("write ", temporary));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("rename to ", path));
  }
  return absl::OkStatus();
}

// Nanoseconds since the epoch, to compare two timestamps.
int64_t Nanoseconds(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000'000 + time.nanos();
}

// Whether this entry is the end of its job. A later entry may come with the
// same job.
bool IsEnd(const JournalEntry& entry) {
  return entry.event.type() == "STATE_CHANGED" &&
         IsTerminal(entry.job->state()) &&
         Nanoseconds(entry.event.time()) == Nanoseconds(entry.job->end_time());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Webhook>> Webhook::Start(
    const WebhookOptions& options, const Clock& clock, EventLog& events,
    int64_t sequence, Post post) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> cursor,
                   ReadCursor(options.cursor_path));
  // The store may have been put back from a backup.
  const bool ahead = cursor.has_value() && *cursor > sequence;
  if (ahead) {
    Say(LogSeverity::kWarning,
        absl::StrCat(options.cursor_path,
                     " is ahead of the journal, which is "
                     "another one: ends of jobs are told from now on"));
  }
  const int64_t from = cursor.has_value() && !ahead ? *cursor : sequence;
  if (!cursor.has_value() || ahead) {
    RETURN_IF_ERROR(WriteCursor(options.cursor_path, from));
  }
  return std::unique_ptr<Webhook>(
      new Webhook(options, clock, events, from, std::move(post)));
}

Webhook::Webhook(const WebhookOptions& options, const Clock& clock,
                 EventLog& events, int64_t cursor, Post post)
    : options_(options),
      clock_(clock),
      events_(events),
      post_(std::move(post)),
      cursor_(cursor),
      subscription_(events.Subscribe([this] {
        absl::MutexLock lock(&mu_);
        published_ = true;
      })),
      thread_([this] { Run(); }) {}

Webhook::~Webhook() {
  subscription_.reset();
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void Webhook::Run() {
  const auto work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return published_ || stopping_;
  };
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&work));
      published_ = false;
    }
    while (TellNext()) {
    }
    if (stopping_) return;
  }
}

bool Webhook::TellNext() {
  const auto batch = events_.Read(cursor_, kEntriesAtATime, "");
  if (!batch.ok()) {
    Say(LogSeverity::kError,
        absl::StrCat("the journal cannot be read: ", batch.status().message()));
    return false;
  }
  if (batch->cursor == cursor_) return false;
  for (const JournalEntry& entry : batch->entries) {
    if (!IsEnd(entry)) continue;
    if (!Tell(*entry.job)) return false;
    cursor_ = entry.event.sequence();
    SaveCursor();
  }
  cursor_ = batch->cursor;
  return !stopping_;
}

// Returns when it was taken or given up; false when it was stopped before.
bool Webhook::Tell(const v1::Job& job) {
  const WebhookMessage message = EndedMessage(job);
  const absl::Time ended = absl::FromUnixNanos(Nanoseconds(job.end_time()));
  absl::Duration backoff = options_.first_backoff;
  while (true) {
    HttpRequest request{
        options_.settings.url,
        SignatureHeaders(message, options_.settings.key, clock_.WallTime()),
        message.body};
    request.headers.emplace_back("content-type: application/json");
    const absl::StatusOr<int> answer = post_(request, stopping_);
    if (answer.ok() && *answer / 100 == 2) return true;
    if (stopping_) return false;
    const std::string why = answer.ok()
                                ? absl::StrCat("answered ", *answer)
                                : std::string(answer.status().message());
    // What Standard Webhooks calls: never again.
    const bool gone = answer.ok() && *answer == kGone;
    if (gone || clock_.WallTime() - ended >= options_.longest_delay) {
      Say(LogSeverity::kError,
          absl::StrCat("the end of ", job.name(),
                       " was not taken, and is given up: ", why));
      return true;
    }
    Say(LogSeverity::kWarning,
        absl::StrCat("the end of ", job.name(), " was not taken (", why,
                     "); again in ", absl::FormatDuration(backoff)));
    if (!Wait(backoff)) return false;
    backoff = std::min(2 * backoff, options_.longest_backoff);
  }
}

void Webhook::SaveCursor() const {
  const absl::Status saved = WriteCursor(options_.cursor_path, cursor_);
  if (saved.ok()) return;
  Say(LogSeverity::kError,
      absl::StrCat(saved.message(),
                   "; after a restart ends of jobs are told again"));
}

bool Webhook::Wait(absl::Duration at_most) {
  absl::MutexLock lock(&mu_);
  const auto stopped = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_.load();
  };
  return !mu_.AwaitWithTimeout(absl::Condition(&stopped), at_most);
}

}  // namespace lockstep
