#ifndef LOCKSTEP_WORKER_PREPARE_PLACE_H_
#define LOCKSTEP_WORKER_PREPARE_PLACE_H_

// Where a preparation is, for the error of one that cannot speak for itself any
// more.

#include <functional>
#include <string>

namespace lockstep {

// Is told what is read next, as an error would begin:
// "data.train[0]: /d/a.jsonl:513". Called from one thread.
using TellPlace = std::function<void(const std::string& place)>;

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_PLACE_H_
