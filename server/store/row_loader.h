#ifndef LOCKSTEP_SERVER_STORE_ROW_LOADER_H_
#define LOCKSTEP_SERVER_STORE_ROW_LOADER_H_

// Makes rows of the bytes that are read from the job table: to parse a hundred
// thousand takes several times as long as to read them, so that other threads
// do it meanwhile. The reader helps when they do not keep up, which bounds the
// bytes that wait. Used by one thread, when a store is opened.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/store/job_row.h"

namespace lockstep {

class RowLoader {
 public:
  struct Row {
    int64_t order = 0;
    JobRow record;
  };

  // With so many threads beside the caller's.
  explicit RowLoader(int threads);
  ~RowLoader();

  // The bytes of a JobRecord, which are copied, and their checksum.
  void Add(int64_t order, int64_t crc, absl::string_view bytes);

  // All rows in the order of Add. DATA_LOSS when the bytes of one are not those
  // of its checksum, or no record.
  absl::StatusOr<std::vector<Row>> Finish() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Batch;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Hands the batch that was filled to a thread, or parses it.
  void Pass() ABSL_LOCKS_EXCLUDED(mu_);
  void Parse(Batch& batch) ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  const size_t most_waiting_;
  std::unique_ptr<Batch> filling_;
  // All others, in order; a thread has each of `waiting_` to itself.
  std::deque<std::unique_ptr<Batch>> batches_;

  absl::Mutex mu_;
  std::deque<Batch*> waiting_ ABSL_GUARDED_BY(mu_);
  // Of batches that are parsed: to make room for their bytes anew, and to give
  // it back, would take a tenth of the time.
  std::vector<std::string> spare_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_ROW_LOADER_H_
