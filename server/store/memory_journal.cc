#include "server/store/memory_journal.h"

#include <optional>
#include <utility>

namespace lockstep {

void MemoryJournal::Apply(const StoreWrite& write) {
  for (const DeletedJob& job : write.deletions) {
    unforgotten_.push_back(job.uid);
    std::erase_if(events_, [&](const v1::Event& event) {
      return event.job() == job.name;
    });
  }
  for (const std::string& uid : write.forgotten) {
    std::erase(unforgotten_, uid);
  }
  events_.insert(events_.end(), write.events.begin(), write.events.end());
}

std::vector<JournalEntry> MemoryJournal::Read(int64_t after, int64_t last,
                                              int limit,
                                              absl::string_view job_name,
                                              const CommittedRows& rows) const {
  std::vector<JournalEntry> entries;
  for (const v1::Event& event : events_) {
    if (static_cast<int>(entries.size()) >= limit) break;
    if (event.sequence() <= after || event.sequence() > last) continue;
    if (!job_name.empty() && event.job() != job_name) continue;
    std::optional<JournalEntry> entry = rows.EntryOf(event);
    if (entry.has_value()) entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace lockstep
