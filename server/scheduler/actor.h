#ifndef LOCKSTEP_SERVER_SCHEDULER_ACTOR_H_
#define LOCKSTEP_SERVER_SCHEDULER_ACTOR_H_

// Who asks the scheduler for something. It is written into the journal with
// what came of it, and decides whose jobs may be changed: here and not before,
// since a name may become another job's while a call is under way.

#include <string>

namespace lockstep {

struct Actor {
  // The principal; empty for processes of jobs and for the coordinator itself.
  std::string name;
  // Whether the jobs of all are theirs.
  bool owns_all = true;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_ACTOR_H_
