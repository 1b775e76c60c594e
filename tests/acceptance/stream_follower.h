#ifndef LOCKSTEP_TESTS_ACCEPTANCE_STREAM_FOLLOWER_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_STREAM_FOLLOWER_H_

// The thread of whoever reads a stream all the time: opens it again, at the
// next coordinator, whenever it breaks.

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"

namespace lockstep::testing {

class StreamFollower {
 public:
  // Opens the stream where it was left and reads it until it breaks; true when
  // it came to its end. On the thread.
  using ReadStream = std::function<bool(grpc::ClientContext&)>;

  explicit StreamFollower(ReadStream read);
  ~StreamFollower();

  // Waits for the end.
  void Join();
  // Does not wait for it.
  void Stop();
  // Streams so far, after Join or Stop.
  int opened() const { return opened_; }

 private:
  void Run();
  bool Begin(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mu_);

  const ReadStream read_;
  int opened_ = 0;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_STREAM_FOLLOWER_H_
