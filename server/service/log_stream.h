#ifndef LOCKSTEP_SERVER_SERVICE_LOG_STREAM_H_
#define LOCKSTEP_SERVER_SERVICE_LOG_STREAM_H_

// StreamLogs: the log of a rank, or of prepare, from the file that the process
// writes. The resume token is "ATTEMPT:OFFSET", with attempt 0 for prepare.
// Without a wanted attempt the stream begins with the newest one and goes on to
// the next when that one has ended.

#include <memory>
#include <string>

#include "lockstep/v1/job_service.pb.h"
#include "server/events/event_log.h"
#include "server/service/log_file.h"
#include "server/service/pull_stream.h"

namespace lockstep {

class LogStream final : public PullStream<v1::StreamLogsResponse> {
 public:
  LogStream(const ServiceParts& parts, v1::StreamLogsRequest request);

 private:
  StreamTurn Next(v1::StreamLogsResponse* response) override;
  absl::Status Begin();
  absl::Status BeginAtToken();
  // Where the first wanted line of the first log is.
  absl::StatusOr<int64_t> FirstOffset(const LogFile& log) const;
  // The file of attempt_.
  std::string PathIn(const v1::Job& job) const;
  // Whether the process that writes the file is gone.
  bool WriterEnded(const v1::Job& job) const;
  // At the end of a log.
  StreamTurn AtEnd(const v1::Job& job, bool writer_ended);
  StreamTurn NoLog(const v1::Job& job) const;

  const v1::StreamLogsRequest request_;
  bool begun_ = false;
  std::string job_uid_;
  // Unknown until there is one.
  int attempt_ = 0;
  int64_t offset_ = 0;
  // tail_lines and since are still to be applied.
  bool skips_ = false;
  std::unique_ptr<EventLog::Subscription> changes_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_LOG_STREAM_H_
