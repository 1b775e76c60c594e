#ifndef LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_H_
#define LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_H_

// Tells a URL of the operator that a job has ended: each end at least once, in
// order, until the receiver takes it or it is a day old. What is still to be
// told is the journal behind a cursor, which lies in a file of its own, so that
// a receiver that is away costs no memory, and a restart forgets nothing. With
// a new file the ends of earlier jobs are not told.
//
// On disk: the cursor moves, by rename, when an end was taken or given up; so a
// crash between the two tells it again, by the same id.
//
// One thread of its own; nobody waits for it. Start and the destructor are for
// one thread.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/clock.h"
#include "server/events/event_log.h"
#include "server/webhook/http_post.h"
#include "server/webhook/webhook_settings.h"

namespace lockstep {

struct WebhookOptions {
  WebhookSettings settings;
  // The file of the cursor.
  std::string cursor_path;
  // Between two tries; doubles.
  absl::Duration first_backoff = absl::Seconds(1);
  absl::Duration longest_backoff = absl::Minutes(5);
  // An end that is older is told no more.
  absl::Duration longest_delay = absl::Hours(24);
};

class Webhook {
 public:
  using Post = std::function<absl::StatusOr<int>(
      const HttpRequest& request, const std::atomic<bool>& stopping)>;

  // Tells what is published behind the cursor, or behind `sequence` when there
  // is none. An error names the cursor's file.
  static absl::StatusOr<std::unique_ptr<Webhook>> Start(
      const WebhookOptions& options, const Clock& clock, EventLog& events,
      int64_t sequence, Post post = HttpPost);
  // Ends a try that is under way.
  ~Webhook();

 private:
  Webhook(const WebhookOptions& options, const Clock& clock, EventLog& events,
          int64_t cursor, Post post);

  void Run();
  // False when it was stopped, or the journal cannot be read.
  bool TellNext();
  bool Tell(const v1::Job& job);
  void SaveCursor() const;
  // False when it was stopped.
  bool Wait(absl::Duration at_most) ABSL_LOCKS_EXCLUDED(mu_);

  const WebhookOptions options_;
  const Clock& clock_;
  EventLog& events_;
  const Post post_;
  // Of the thread.
  int64_t cursor_;

  std::atomic<bool> stopping_ = false;
  absl::Mutex mu_;
  bool published_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<EventLog::Subscription> subscription_;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_WEBHOOK_WEBHOOK_H_
