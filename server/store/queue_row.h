#ifndef LOCKSTEP_SERVER_STORE_QUEUE_ROW_H_
#define LOCKSTEP_SERVER_STORE_QUEUE_ROW_H_

// A row of the queue table as it goes to the store, which keeps it: nobody
// changes it any more. It has an entry for each owner and is written at each
// end of an attempt, so it lies in few pieces of memory.

#include <memory>

#include "google/protobuf/arena.h"
#include "server/store/record.pb.h"

namespace lockstep {

// Shared: it goes with the last who looks at it.
using QueueRow = std::shared_ptr<const server::QueueRecord>;

inline QueueRow MakeQueueRow(const server::QueueRecord& record) {
  const auto arena = std::make_shared<google::protobuf::Arena>();
  auto* copy =
      google::protobuf::Arena::CreateMessage<server::QueueRecord>(arena.get());
  *copy = record;
  return {arena, copy};
}

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_QUEUE_ROW_H_
