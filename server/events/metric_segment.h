#ifndef LOCKSTEP_SERVER_EVENTS_METRIC_SEGMENT_H_
#define LOCKSTEP_SERVER_EVENTS_METRIC_SEGMENT_H_

// The files behind a MetricLog: a folder of segments that together are one
// sequence of bytes. A segment is named by the position of its first byte, and
// holds records:
//
//   u32 LE  length of the payload
//   u32 LE  CRC-32C of the four length bytes and the payload
//   payload
//
// A record is appended whole and synced. Used by one thread at a time.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

class SegmentFolder {
 public:
  using Visitor =
      std::function<absl::Status(int64_t position, absl::string_view payload)>;

  // Reads what is there, calls `visit` with each record and where
  // it begins, and cuts off what a
  // loss of power left at the end. A missing folder is an empty log. DATA_LOSS,
  // naming file and position, when a record before the last segment is broken.
  static absl::StatusOr<SegmentFolder> Open(std::string folder,
                                            int64_t segment_bytes,
                                            const Visitor& visit);

  // On disk when it returns. After an error the end is as before.
  absl::Status Append(absl::string_view payload);

  // The record at `position`, and moves it behind the record. NOT_FOUND when no
  // record begins there; OUT_OF_RANGE at the end.
  absl::StatusOr<std::string> Read(int64_t& position) const;

  int64_t end() const { return end_; }

 private:
  SegmentFolder(std::string folder, int64_t segment_bytes)
      : folder_(std::move(folder)), segment_bytes_(segment_bytes) {}

  std::string PathOf(int64_t start) const;
  absl::Status FindSegments();
  absl::Status ScanSegment(int64_t start, bool last, const Visitor& visit);
  absl::Status StartSegment();

  std::string folder_;
  int64_t segment_bytes_;
  std::vector<int64_t> starts_;
  int64_t end_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_EVENTS_METRIC_SEGMENT_H_
