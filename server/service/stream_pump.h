#ifndef LOCKSTEP_SERVER_SERVICE_STREAM_PUMP_H_
#define LOCKSTEP_SERVER_SERVICE_STREAM_PUMP_H_

// The one thread that moves streams which wait: woken by a log that grew or by
// a timer, it asks the stream to go on. So whoever wakes a stream (the
// scheduler, a rank that reports) pays for a queue entry and nothing else.
//
// Thread-safe. A stream is held weakly: one that is gone is skipped.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lockstep {

class StreamPump {
 public:
  class Stream {
   public:
    virtual ~Stream() = default;
    // There may be something to do. Must not block.
    virtual void Pump() = 0;
  };

  using Reference = std::weak_ptr<Stream>;

  StreamPump();
  // Streams are woken no more.
  ~StreamPump();

  void Wake(Reference stream) ABSL_LOCKS_EXCLUDED(mu_);
  // To turn one reference into another the stream is held for a moment, and if
  // that is the last hold it ends here: under whatever lock the caller has,
  // which the stream may want. So whoever wakes keeps a Reference.
  template <typename Derived>
  void Wake(std::weak_ptr<Derived> stream) = delete;
  void WakeAfter(absl::Duration delay, std::weak_ptr<Stream> stream)
      ABSL_LOCKS_EXCLUDED(mu_);

  // A stream that shall be woken by Stop, while it lives.
  void Register(const std::shared_ptr<Stream>& stream) ABSL_LOCKS_EXCLUDED(mu_);
  void Unregister(const Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on stopping() is true; wakes all streams so that they end.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  std::deque<std::weak_ptr<Stream>> WaitForWork() ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  std::deque<std::weak_ptr<Stream>> ready_ ABSL_GUARDED_BY(mu_);
  std::multimap<absl::Time, std::weak_ptr<Stream>> timers_ ABSL_GUARDED_BY(mu_);
  std::map<const Stream*, std::weak_ptr<Stream>> streams_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  // Set when a timer came that is due before those that are waited for.
  bool timers_changed_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_STREAM_PUMP_H_
