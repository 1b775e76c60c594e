#ifndef LOCKSTEP_SERVER_SCHEDULER_PROTO_TIME_H_
#define LOCKSTEP_SERVER_SCHEDULER_PROTO_TIME_H_

// absl's times <-> protobuf's.

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace lockstep {

inline google::protobuf::Timestamp ToProto(absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  google::protobuf::Timestamp proto;
  proto.set_seconds(parts.tv_sec);
  proto.set_nanos(static_cast<int32_t>(parts.tv_nsec));
  return proto;
}

inline absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) +
         absl::Nanoseconds(proto.nanos());
}

inline google::protobuf::Duration ToProto(absl::Duration duration) {
  const timespec parts = absl::ToTimespec(duration);
  google::protobuf::Duration proto;
  proto.set_seconds(parts.tv_sec);
  proto.set_nanos(static_cast<int32_t>(parts.tv_nsec));
  return proto;
}

inline absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

// "14:05:09.3 UTC", of today or tomorrow.
inline std::string ClockText(absl::Time time) {
  return absl::FormatTime("%H:%M:%E1S UTC", time, absl::UTCTimeZone());
}

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_PROTO_TIME_H_
