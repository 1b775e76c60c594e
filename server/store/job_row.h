#ifndef LOCKSTEP_SERVER_STORE_JOB_ROW_H_
#define LOCKSTEP_SERVER_STORE_JOB_ROW_H_

// A row of the job table as all parts of the coordinator hold it: the store,
// the scheduler, journal entries and whoever reads those share one record,
// which nobody changes any more. With a hundred thousand jobs a second copy of
// each would be most of the memory, and most of the time of a start.

#include <memory>
#include <utility>

#include "lockstep/v1/job.pb.h"
#include "server/store/etag.h"
#include "server/store/record.pb.h"

namespace lockstep {

// Shared: it goes with the last who looks at it. job.etag is EtagOf the record.
using JobRow = std::shared_ptr<const server::JobRecord>;
using SharedJob = std::shared_ptr<const v1::Job>;

// What users see of it.
inline SharedJob JobOf(const JobRow& row) { return {row, &row->job()}; }

// A row in the hands of the one who changes it. The first change after it was
// shared is made to a copy; references into what was shared stay as they were,
// and must not be used any longer. Used by one thread.
class RowDraft {
 public:
  RowDraft() = default;
  explicit RowDraft(JobRow row) : row_(std::move(row)) {}
  explicit RowDraft(server::JobRecord record)
      : own_(std::make_shared<server::JobRecord>(std::move(record))),
        row_(own_) {}
  // A copy would change the same record.
  RowDraft(RowDraft&&) = default;
  RowDraft& operator=(RowDraft&&) = default;

  const server::JobRecord& operator*() const { return *row_; }
  const server::JobRecord* operator->() const { return row_.get(); }

  server::JobRecord& Mutable() {
    if (own_ == nullptr) {
      own_ = std::make_shared<server::JobRecord>(*row_);
      row_ = own_;
    }
    return *own_;
  }
  v1::Job& MutableJob() { return *Mutable().mutable_job(); }

  JobRow Share() {
    if (own_ != nullptr) own_->mutable_job()->set_etag(EtagOf(*own_));
    own_.reset();
    return row_;
  }

 private:
  std::shared_ptr<server::JobRecord> own_;  // Null when others hold it, too.
  JobRow row_;
};

inline JobRow MakeJobRow(server::JobRecord record) {
  return RowDraft(std::move(record)).Share();
}

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_JOB_ROW_H_
