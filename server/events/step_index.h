#ifndef LOCKSTEP_SERVER_EVENTS_STEP_INDEX_H_
#define LOCKSTEP_SERVER_EVENTS_STEP_INDEX_H_

// Where in a metric log points of some steps may be, so that who wants the
// newest ten of a million reads those and not all. It is kept in memory, an
// entry for each 64 KiB of the log, and made anew when the log is opened, which
// reads it anyway. Steps need not grow: an attempt begins where its checkpoint
// is, and ranks report by themselves.
//
// Thread-compatible.

#include <cstdint>
#include <vector>

namespace lockstep {

// Both included; a last of 0 is no bound.
struct StepBounds {
  int64_t first = 0;
  int64_t last = 0;
};

class StepIndex {
 public:
  // A record with points of these steps was written at `position`, behind all
  // before it.
  void Add(int64_t position, int64_t least_step, int64_t greatest_step);

  // The first place at or behind `position`, where a record begins, from which
  // on there may be points of these steps; `end` when there is none.
  int64_t Skip(int64_t position, const StepBounds& steps, int64_t end) const;

 private:
  struct Stretch {
    int64_t begin = 0;
    int64_t least_step = 0;
    int64_t greatest_step = 0;
  };
  std::vector<Stretch> stretches_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_EVENTS_STEP_INDEX_H_
