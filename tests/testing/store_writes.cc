#include "tests/testing/store_writes.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "proto/contract/resource_name.h"

namespace lockstep::testing {

server::JobRecord Record(const std::string& id, int64_t version,
                         v1::Job::State state) {
  server::JobRecord record;
  record.set_version(version);
  record.mutable_job()->set_name(JobName(id));
  record.mutable_job()->set_uid("uid-" + id);
  record.mutable_job()->set_state(state);
  record.mutable_job()->set_owner("local");
  return record;
}

v1::Event EventOf(const std::string& id, const std::string& type) {
  v1::Event event;
  event.set_job(JobName(id));
  event.set_type(type);
  return event;
}

v1::Checkpoint CheckpointOf(const std::string& id, int64_t step) {
  v1::Checkpoint checkpoint;
  checkpoint.set_name(CheckpointName(id, step));
  checkpoint.set_step(step);
  return checkpoint;
}

StoreWrite WriteOf(const server::JobRecord& record,
                   const std::string& event_type) {
  StoreWrite write;
  write.jobs.push_back(MakeJobRow(record));
  write.events.push_back(
      EventOf(*JobIdFromName(record.job().name()), event_type));
  return write;
}

StoreWrite DeletionOf(const std::string& id) {
  StoreWrite write;
  write.deletions = {{JobName(id), "uid-" + id}};
  write.events = {EventOf(id, kJobDeleted)};
  return write;
}

absl::StatusOr<std::vector<JournalEntry>> CommitAndWait(JobStore& store,
                                                        StoreWrite write) {
  absl::StatusOr<std::vector<JournalEntry>> result;
  absl::Notification done;
  store.Commit(std::move(write),
               [&](absl::StatusOr<std::vector<JournalEntry>> entries) {
                 result = std::move(entries);
                 done.Notify();
               });
  done.WaitForNotification();
  return result;
}

}  // namespace lockstep::testing
