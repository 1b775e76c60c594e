// What a build with LOCKSTEP_SANITIZE=thread must find, and what it must not:
// whatever a lock of Abseil orders (absl_locks.cc). Built in such a build only.

#include <functional>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

class ThreadTest : public testing::Test {
 protected:
  ThreadTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // At the same time, as far as an order is concerned.
  static void Both(const std::function<void()>& one,
                   const std::function<void()>& other) {
    std::thread first(one);
    std::thread second(other);
    first.join();
    second.join();
  }
  static void Twice(const std::function<void()>& work) { Both(work, work); }

  absl::Mutex mutex_;
  // Without GUARDED_BY: some tests guard it otherwise, or not at all.
  int value_ = 0;
};

TEST_F(ThreadTest, ARaceIsFound) {
  EXPECT_DEATH(Twice([this] { ++value_; }), "data race");
}

TEST_F(ThreadTest, ALockOnOneSideOnlyIsFound) {
  EXPECT_DEATH(Both(
                   [this] {
                     const absl::MutexLock lock(&mutex_);
                     ++value_;
                   },
                   [this] { ++value_; }),
               "data race");
}

TEST_F(ThreadTest, WritingUnderASharedLockIsFound) {
  EXPECT_DEATH(Twice([this] {
                 const absl::ReaderMutexLock lock(&mutex_);
                 ++value_;
               }),
               "data race");
}

TEST_F(ThreadTest, OppositeOrdersOfTwoLocksAreFound) {
  EXPECT_DEATH(
      {
        absl::Mutex other;
        {
          const absl::MutexLock first(&mutex_);
          const absl::MutexLock second(&other);
        }
        const absl::MutexLock first(&other);
        const absl::MutexLock second(&mutex_);
      },
      "lock-order-inversion");
}

TEST_F(ThreadTest, AMutexOrders) {
  Twice([this] {
    const absl::MutexLock lock(&mutex_);
    ++value_;
  });

  EXPECT_EQ(value_, 2);
}

TEST_F(ThreadTest, ATriedMutexOrders) {
  Twice([this] {
    while (!mutex_.TryLock()) std::this_thread::yield();
    ++value_;
    mutex_.Unlock();
  });

  EXPECT_EQ(value_, 2);
}

TEST_F(ThreadTest, ASharedLockOrdersReadersAndWriters) {
  int seen = 0;
  Both(
      [this] {
        const absl::WriterMutexLock lock(&mutex_);
        ++value_;
      },
      [&] {
        const absl::ReaderMutexLock lock(&mutex_);
        seen = value_;
      });

  mutex_.ReaderLock();
  EXPECT_LE(seen, value_);
  mutex_.ReaderUnlock();
  ASSERT_TRUE(mutex_.ReaderTryLock());
  EXPECT_EQ(value_, 1);
  mutex_.ReaderUnlock();
}

TEST_F(ThreadTest, LockWhenOrders) {
  const auto is_set = [this] { return value_ == 1; };
  Both(
      [this] {
        const absl::MutexLock lock(&mutex_);
        value_ = 1;
      },
      [&] {
        mutex_.LockWhen(absl::Condition(&is_set));
        ++value_;
        mutex_.Unlock();
      });

  EXPECT_EQ(value_, 2);
  const auto never = [this] { return value_ == 1; };
  EXPECT_FALSE(mutex_.LockWhenWithTimeout(absl::Condition(&never),
                                          absl::ZeroDuration()));
  mutex_.Unlock();
  EXPECT_FALSE(mutex_.LockWhenWithDeadline(absl::Condition(&never),
                                           absl::InfinitePast()));
  mutex_.Unlock();
}

TEST_F(ThreadTest, AwaitOrders) {
  const auto is_set = [this] { return value_ == 1; };
  const absl::Condition condition(&is_set);
  const std::function<void()> waits[] = {
      [&] { mutex_.Await(condition); },
      [&] { mutex_.AwaitWithTimeout(condition, absl::InfiniteDuration()); },
      [&] { mutex_.AwaitWithDeadline(condition, absl::InfiniteFuture()); },
  };
  for (const std::function<void()>& wait : waits) {
    value_ = 0;
    Both(
        [&] {
          const absl::MutexLock lock(&mutex_);
          wait();
          ++value_;
        },
        [this] {
          const absl::MutexLock lock(&mutex_);
          value_ = 1;
        });
    EXPECT_EQ(value_, 2);
  }
}

TEST_F(ThreadTest, ACondVarOrders) {
  absl::CondVar changed;
  const std::function<void()> waits[] = {
      [&] { changed.Wait(&mutex_); },
      [&] { changed.WaitWithTimeout(&mutex_, absl::InfiniteDuration()); },
      [&] { changed.WaitWithDeadline(&mutex_, absl::InfiniteFuture()); },
  };
  for (const std::function<void()>& wait : waits) {
    value_ = 0;
    Both(
        [&] {
          const absl::MutexLock lock(&mutex_);
          while (value_ != 1) wait();
          ++value_;
        },
        [&] {
          const absl::MutexLock lock(&mutex_);
          value_ = 1;
          changed.Signal();
        });
    EXPECT_EQ(value_, 2);
  }
}

TEST_F(ThreadTest, ANotificationOrders) {
  using Wait = std::function<void(const absl::Notification&)>;
  const Wait waits[] = {
      [](const absl::Notification& done) { done.WaitForNotification(); },
      [](const absl::Notification& done) {
        done.WaitForNotificationWithTimeout(absl::InfiniteDuration());
      },
      [](const absl::Notification& done) {
        done.WaitForNotificationWithDeadline(absl::InfiniteFuture());
      },
      [](const absl::Notification& done) {
        while (!done.HasBeenNotified()) std::this_thread::yield();
      },
  };
  for (const Wait& wait : waits) {
    value_ = 0;
    absl::Notification done;
    Both(
        [&] {
          value_ = 1;
          done.Notify();
        },
        [&] {
          wait(done);
          ++value_;
          // Now that it is there, without a wait.
          wait(done);
        });
    EXPECT_EQ(value_, 2);
  }
}

TEST_F(ThreadTest, ABlockingCounterOrders) {
  int other = 0;
  absl::BlockingCounter done(2);
  std::thread first([&] {
    value_ = 1;
    done.DecrementCount();
  });
  std::thread second([&] {
    other = 1;
    done.DecrementCount();
  });

  done.Wait();
  EXPECT_EQ(value_ + other, 2);

  first.join();
  second.join();
}

}  // namespace
}  // namespace lockstep
