#ifndef LOCKSTEP_TESTS_TESTING_STORE_WRITES_H_
#define LOCKSTEP_TESTS_TESTING_STORE_WRITES_H_

// Writes to a JobStore as the scheduler would make them.

#include <string>

#include "absl/status/statusor.h"
#include "server/store/job_store.h"

namespace lockstep::testing {

// Version `version` of jobs/{id}, with uid "uid-{id}".
server::JobRecord Record(const std::string& id, int64_t version = 1,
                         v1::Job::State state = v1::Job::QUEUED);

v1::Event EventOf(const std::string& id, const std::string& type);

v1::Checkpoint CheckpointOf(const std::string& id, int64_t step);

// A row together with one journal entry.
StoreWrite WriteOf(const server::JobRecord& record,
                   const std::string& event_type = "STATE_CHANGED");

// The end of jobs/{id}, with the uid that Record gives it.
StoreWrite DeletionOf(const std::string& id);

// Waits for the commit.
absl::StatusOr<std::vector<JournalEntry>> CommitAndWait(JobStore& store,
                                                        StoreWrite write);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_STORE_WRITES_H_
