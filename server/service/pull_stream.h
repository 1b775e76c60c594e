#ifndef LOCKSTEP_SERVER_SERVICE_PULL_STREAM_H_
#define LOCKSTEP_SERVER_SERVICE_PULL_STREAM_H_

// A server stream that fetches its next message only when the one before is on
// its way: a slow client costs one message of memory and delays nobody.
//
// Protocol: 1. Start. 2. Next is asked for a message, by one thread at a time.
// 3. A message is written, then 2. again; or there is none, and 2. comes when
// the stream is woken or its time has come; or the stream ends.

#include <atomic>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/service/call.h"
#include "server/service/stream_pump.h"

namespace lockstep {

// What a stream does next.
struct StreamTurn {
  enum class What { kWrite, kWait, kEnd };

  // With `more` another message follows at once: they go out together.
  static StreamTurn Write(bool more = false) {
    StreamTurn turn{What::kWrite};
    turn.more = more;
    return turn;
  }
  // Until woken, at most this long.
  static StreamTurn Wait(absl::Duration at_most = absl::InfiniteDuration()) {
    return {What::kWait, at_most};
  }
  static StreamTurn End(absl::Status status) {
    return {What::kEnd, absl::InfiniteDuration(), std::move(status)};
  }

  What what = What::kWait;
  absl::Duration at_most = absl::InfiniteDuration();
  absl::Status status;
  bool more = false;
};

template <typename Response>
class PullStream : public grpc::ServerWriteReactor<Response>,
                   public StreamPump::Stream,
                   public std::enable_shared_from_this<PullStream<Response>> {
 public:
  PullStream(const ServiceParts& parts, absl::string_view method)
      : parts_(parts), record_(parts, method) {}

  // Makes a stream, and starts it unless the caller may not.
  template <typename Derived, typename... Args>
  static grpc::ServerWriteReactor<Response>* Start(
      grpc::CallbackServerContext& context, Args&&... args) {
    auto stream = std::make_shared<Derived>(std::forward<Args>(args)...);
    stream->self_ = stream;
    stream->admitted_ = stream->record_.Admit(context).status();
    stream->parts_.pump.Register(stream);
    stream->Pump();
    return stream.get();
  }

  void Pump() final ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      if (ended_) return;
      again_ = true;
      if (busy_) return;
      busy_ = true;
    }
    Run();
  }

 protected:
  // The next message into `response`, which is empty. Never at the same time
  // as itself.
  virtual StreamTurn Next(Response* response) = 0;

  const ServiceParts& parts() const { return parts_; }

  // Wakes this stream from any thread; for subscriptions. One whose client does
  // not read was woken before and has not looked since: a thousand of those
  // cost their publisher nothing.
  std::function<void()> Waker() {
    return [&pump = parts_.pump,
            stream = StreamPump::Reference(this->weak_from_this()),
            woken = woken_] {
      if (!woken->exchange(true)) pump.Wake(stream);
    };
  }

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_) {
    while (true) {
      {
        absl::MutexLock lock(&mu_);
        again_ = false;
      }
      // Before Next looks: what is published from here on wakes again.
      *woken_ = false;
      response_.Clear();
      const StreamTurn turn = Turn();
      if (turn.what == StreamTurn::What::kWrite) {
        grpc::WriteOptions options;
        // Not the first: with the hint gRPC 1.51 would keep the stream's
        // headers back, too, and not say that it wrote.
        if (turn.more && written_) options.set_buffer_hint();
        written_ = true;
        this->StartWrite(&response_, options);
        return;
      }
      if (turn.what == StreamTurn::What::kEnd) return End(turn.status);
      absl::MutexLock lock(&mu_);
      if (again_) continue;
      busy_ = false;
      // One timer at a time is enough: Next counts its own time.
      if (turn.at_most < absl::InfiniteDuration() && !timer_.exchange(true)) {
        parts_.pump.WakeAfter(turn.at_most, MakeTimer());
      }
      return;
    }
  }

  StreamTurn Turn() {
    if (!admitted_.ok()) return StreamTurn::End(admitted_);
    if (cancelled_) {
      return StreamTurn::End(absl::CancelledError("the client gave up"));
    }
    if (parts_.pump.stopping()) return StreamTurn::End(ShuttingDown());
    return Next(&response_);
  }

  // A stream of its own, so that the timer is known from other wakes.
  class Timer final : public StreamPump::Stream {
   public:
    explicit Timer(PullStream& owner) : owner_(owner) {}
    void Pump() override {
      owner_.timer_ = false;
      owner_.Pump();
    }

   private:
    PullStream& owner_;
  };
  std::weak_ptr<StreamPump::Stream> MakeTimer() {
    return std::shared_ptr<StreamPump::Stream>(this->shared_from_this(),
                                               &timer_stream_);
  }

  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      ended_ = true;
    }
    this->Finish(record_.End(status));
  }

  void OnWriteDone(bool ok) final {
    if (!ok) cancelled_ = true;
    Run();
  }

  void OnCancel() final {
    cancelled_ = true;
    Pump();
  }

  void OnDone() final {
    parts_.pump.Unregister(this);
    // The last reference may be this one.
    const std::shared_ptr<PullStream> self = std::move(self_);
  }

  const ServiceParts& parts_;
  CallRecord record_;
  absl::Status admitted_;
  std::shared_ptr<PullStream> self_;  // Until OnDone.
  Response response_;
  bool written_ = false;  // Anything yet; of whoever is in Run.
  Timer timer_stream_{*this};
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> timer_ = false;
  // A waker has called, and Next was not asked since. Of its own, as wakers
  // outlive the stream, and must not be the last to hold it.
  const std::shared_ptr<std::atomic<bool>> woken_ =
      std::make_shared<std::atomic<bool>>(false);

  absl::Mutex mu_;
  // Somebody is in Run, or a write is on its way.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  // Woken since Next was asked.
  bool again_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_PULL_STREAM_H_
