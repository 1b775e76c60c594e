#ifndef LOCKSTEP_SERVER_STORE_MEMORY_JOURNAL_H_
#define LOCKSTEP_SERVER_STORE_MEMORY_JOURNAL_H_

// Events and the uids of deleted jobs, of a store that keeps them in memory
// beside its CommittedRows. Not thread-safe: the store locks.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/store/committed_rows.h"
#include "server/store/job_store.h"

namespace lockstep {

class MemoryJournal {
 public:
  // Of a write that is numbered.
  void Apply(const StoreWrite& write);

  // As JobStore::ReadJournal, up to the sequence number `last`.
  std::vector<JournalEntry> Read(int64_t after, int64_t last, int limit,
                                 absl::string_view job_name,
                                 const CommittedRows& rows) const;

  const std::vector<std::string>& unforgotten() const { return unforgotten_; }

 private:
  std::vector<v1::Event> events_;
  std::vector<std::string> unforgotten_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_MEMORY_JOURNAL_H_
