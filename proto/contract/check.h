#ifndef LOCKSTEP_PROTO_CONTRACT_CHECK_H_
#define LOCKSTEP_PROTO_CONTRACT_CHECK_H_

// LOCKSTEP_CHECK states what this program itself guarantees and ends the
// process when it is wrong. What comes from a user, a disk, a worker or the
// network is never checked with it: that is a Status.

#include <cstdio>
#include <cstdlib>

#define LOCKSTEP_CHECK(condition)                                           \
  do {                                                                      \
    if (!(condition)) {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, \
                   #condition);                                             \
      std::abort();                                                         \
    }                                                                       \
  } while (false)

#endif  // LOCKSTEP_PROTO_CONTRACT_CHECK_H_
