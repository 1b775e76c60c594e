#include "tests/acceptance/log_reader.h"

namespace lockstep::testing {

LogReader::LogReader(const TestCluster& cluster, const std::string& id)
    : name_("jobs/" + id),
      jobs_(cluster.Connect()),
      follower_([this](grpc::ClientContext& context) {
        return ReadStream(context);
      }) {}

std::string LogReader::Finish() {
  follower_.Join();
  return text_;
}

bool LogReader::ReadStream(grpc::ClientContext& context) {
  v1::StreamLogsRequest request;
  request.set_name(name_);
  request.set_attempt(1);
  request.set_follow(true);
  request.set_resume_token(token_);
  const auto reader = jobs_->StreamLogs(&context, request);
  v1::StreamLogsResponse piece;
  while (reader->Read(&piece)) {
    token_ = piece.resume_token();
    text_ += piece.data();
  }
  return reader->Finish().ok();
}

}  // namespace lockstep::testing
