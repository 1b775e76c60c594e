// Tells ThreadSanitizer what Abseil's locks order. Debian's Abseil is not
// instrumented, so TSan would see no order in a Mutex and call every guarded
// field a race. These definitions stand in front of the library's (a program's
// symbols come first, for calls inside the library, too), tell TSan, and call
// the library's own.
//
// Linked into every program of a build with LOCKSTEP_SANITIZE=thread, and
// nowhere else. What a call reads inside itself, such as the fields in a
// Condition, TSan does not look at. tests/sanitizers/thread_test.cc checks
// each.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

// The library's own function of this symbol.
template <typename Function>
Function* Next(const char* symbol) {
  void* found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) {
    std::fprintf(stderr, "absl_locks.cc: this Abseil has no %s\n", symbol);
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

void Acquire(const void* address) {
  __tsan_acquire(const_cast<void*>(address));
}

constexpr unsigned kExclusive = 0;
constexpr unsigned kShared = __tsan_mutex_read_lock;
constexpr unsigned kTry = __tsan_mutex_try_lock;

// Calls of the library into itself are not told: one call, one event.
thread_local int depth = 0;

// While one lives, its thread takes the mutex.
class Taking {
 public:
  Taking(Mutex* mutex, unsigned how) : mutex_(mutex), how_(how) {
    if (depth++ == 0) __tsan_mutex_pre_lock(mutex_, how_);
  }
  ~Taking() {
    if (--depth == 0) __tsan_mutex_post_lock(mutex_, how_, /*recursion=*/0);
  }
  bool Took(bool taken) {
    if (!taken) how_ |= __tsan_mutex_try_lock_failed;
    return taken;
  }

 private:
  Mutex* const mutex_;
  unsigned how_;
};

// While one lives, its thread gives the mutex up.
class Releasing {
 public:
  Releasing(Mutex* mutex, unsigned how) : mutex_(mutex), how_(how) {
    if (depth++ == 0) __tsan_mutex_pre_unlock(mutex_, how_);
  }
  ~Releasing() {
    if (--depth == 0) __tsan_mutex_post_unlock(mutex_, how_);
  }

 private:
  Mutex* const mutex_;
  const unsigned how_;
};

// While one lives, its thread waits for others to use the mutex that it holds
// exclusively before and after.
class Waiting {
 public:
  explicit Waiting(Mutex* mutex) {
    { const Releasing released(mutex, kExclusive); }
    taking_.emplace(mutex, kExclusive);
  }

 private:
  std::optional<Taking> taking_;
};

}  // namespace

Mutex::~Mutex() {
  static auto* next = Next<void(Mutex*)>("_ZN4absl7debian35MutexD1Ev");
  next(this);
  __tsan_mutex_destroy(this, 0);
}

void Mutex::Lock() {
  static auto* next = Next<void(Mutex*)>("_ZN4absl7debian35Mutex4LockEv");
  const Taking taking(this, kExclusive);
  next(this);
}

bool Mutex::TryLock() {
  static auto* next = Next<bool(Mutex*)>("_ZN4absl7debian35Mutex7TryLockEv");
  Taking taking(this, kTry);
  return taking.Took(next(this));
}

void Mutex::Unlock() {
  static auto* next = Next<void(Mutex*)>("_ZN4absl7debian35Mutex6UnlockEv");
  const Releasing releasing(this, kExclusive);
  next(this);
}

void Mutex::ReaderLock() {
  static auto* next =
      Next<void(Mutex*)>("_ZN4absl7debian35Mutex10ReaderLockEv");
  const Taking taking(this, kShared);
  next(this);
}

bool Mutex::ReaderTryLock() {
  static auto* next =
      Next<bool(Mutex*)>("_ZN4absl7debian35Mutex13ReaderTryLockEv");
  Taking taking(this, kShared | kTry);
  return taking.Took(next(this));
}

void Mutex::ReaderUnlock() {
  static auto* next =
      Next<void(Mutex*)>("_ZN4absl7debian35Mutex12ReaderUnlockEv");
  const Releasing releasing(this, kShared);
  next(this);
}

void Mutex::LockWhen(const Condition& condition) {
  static auto* next = Next<void(Mutex*, const Condition&)>(
      "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
  const Taking taking(this, kExclusive);
  next(this, condition);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  static auto* next = Next<bool(Mutex*, const Condition&, Duration)>(
      "_ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_"
      "8DurationE");
  const Taking taking(this, kExclusive);
  return next(this, condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  static auto* next = Next<bool(Mutex*, const Condition&, Time)>(
      "_ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_"
      "4TimeE");
  const Taking taking(this, kExclusive);
  return next(this, condition, deadline);
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  static auto* next = Next<void(Mutex*, const Condition&)>(
      "_ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE");
  const Taking taking(this, kShared);
  next(this, condition);
}

bool Mutex::ReaderLockWhenWithTimeout(const Condition& condition,
                                      Duration timeout) {
  static auto* next = Next<bool(Mutex*, const Condition&, Duration)>(
      "_ZN4absl7debian35Mutex25ReaderLockWhenWithTimeoutERKNS0_9ConditionENS0_"
      "8DurationE");
  const Taking taking(this, kShared);
  return next(this, condition, timeout);
}

bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition,
                                       Time deadline) {
  static auto* next = Next<bool(Mutex*, const Condition&, Time)>(
      "_ZN4absl7debian35Mutex26ReaderLockWhenWithDeadlineERKNS0_9ConditionENS0_"
      "4TimeE");
  const Taking taking(this, kShared);
  return next(this, condition, deadline);
}

void Mutex::Await(const Condition& condition) {
  static auto* next = Next<void(Mutex*, const Condition&)>(
      "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  const Waiting waiting(this);
  next(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* next = Next<bool(Mutex*, const Condition&, Duration)>(
      "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_"
      "8DurationE");
  const Waiting waiting(this);
  return next(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static auto* next = Next<bool(Mutex*, const Condition&, Time)>(
      "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const Waiting waiting(this);
  return next(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  static auto* next = Next<void(CondVar*, Mutex*)>(
      "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  const Waiting waiting(mutex);
  next(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* next = Next<bool(CondVar*, Mutex*, Duration)>(
      "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  const Waiting waiting(mutex);
  return next(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* next = Next<bool(CondVar*, Mutex*, Time)>(
      "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  const Waiting waiting(mutex);
  return next(this, mutex, deadline);
}

// A Notification that is there already is seen without its mutex, by the flag
// behind it, which HasBeenNotified() reads in the caller's own code.
void Notification::Notify() {
  static auto* next =
      Next<void(Notification*)>("_ZN4absl7debian312Notification6NotifyEv");
  __tsan_release(&notified_yet_);
  next(this);
}

void Notification::WaitForNotification() const {
  static auto* next = Next<void(const Notification*)>(
      "_ZNK4absl7debian312Notification19WaitForNotificationEv");
  next(this);
  Acquire(&notified_yet_);
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static auto* next = Next<bool(const Notification*, Duration)>(
      "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_"
      "8DurationE");
  const bool notified = next(this, timeout);
  if (notified) Acquire(&notified_yet_);
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  static auto* next = Next<bool(const Notification*, Time)>(
      "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_"
      "4TimeE");
  const bool notified = next(this, deadline);
  if (notified) Acquire(&notified_yet_);
  return notified;
}

// Only the last of those who count down takes the mutex.
bool BlockingCounter::DecrementCount() {
  static auto* next = Next<bool(BlockingCounter*)>(
      "_ZN4absl7debian315BlockingCounter14DecrementCountEv");
  __tsan_release(this);
  return next(this);
}

void BlockingCounter::Wait() {
  static auto* next =
      Next<void(BlockingCounter*)>("_ZN4absl7debian315BlockingCounter4WaitEv");
  next(this);
  Acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
