#ifndef LOCKSTEP_TESTS_TESTING_CABLE_H_
#define LOCKSTEP_TESTS_TESTING_CABLE_H_

// Two hosts and the cable between them, on one machine: this process moves into
// a network namespace of its own, makes a second one, and carries each IP
// packet between the two by hand, so that a test says which are lost, and how
// fast the others go. Needs CAP_NET_ADMIN and /dev/net/tun, and nothing of the
// kernel's traffic control.
//
// Made before the process has threads, which stay where they were born; one
// lives at a time. The rest is thread-safe.

#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/server/simulation/chance.h"

namespace lockstep::testing {

// What happens to the packets of one direction.
struct CableWay {
  bool cut = false;
  int percent_lost = 0;
  // 0: as fast as they come.
  double bytes_per_second = 0;
};

class Cable {
 public:
  // Of this process, and of those that it starts.
  static constexpr char kHere[] = "198.18.0.1";
  // Of what runs under ThereCommand.
  static constexpr char kThere[] = "198.18.0.2";

  // Whether this process may; asked without doing it.
  static bool Allowed();

  explicit Cable(uint64_t seed);
  ~Cable();
  Cable(const Cable&) = delete;
  Cable& operator=(const Cable&) = delete;

  // The beginning of a command line that runs the rest of it there.
  std::vector<std::string> ThereCommand() const;

  void Set(const CableWay& to_there, const CableWay& to_here)
      ABSL_LOCKS_EXCLUDED(mu_);
  // How many packets were lost since the newest Set.
  int64_t lost() const ABSL_LOCKS_EXCLUDED(mu_);
  // Until it is that many, or nothing more has come for a long time.
  void WaitForLost(int64_t packets) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Packet {
    absl::Time due;
    std::vector<char> bytes;
  };
  struct Direction {
    CableWay way;
    // When the one before is through.
    absl::Time free;
    std::deque<Packet> under_way;
    size_t bytes_under_way = 0;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // When the next packet is due.
  absl::Time Next() const ABSL_LOCKS_EXCLUDED(mu_);
  void Take(int from, Direction Cable::*which) ABSL_LOCKS_EXCLUDED(mu_);
  void Deliver(Direction Cable::*which, int to) ABSL_LOCKS_EXCLUDED(mu_);

  int here_ = -1;
  int there_ = -1;
  int namespace_ = -1;
  int end_[2] = {-1, -1};  // A pipe, closed at the end.
  mutable absl::Mutex mu_;
  Chance chance_ ABSL_GUARDED_BY(mu_);
  Direction to_there_ ABSL_GUARDED_BY(mu_);
  Direction to_here_ ABSL_GUARDED_BY(mu_);
  int64_t lost_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_CABLE_H_
