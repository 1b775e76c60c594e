#include "tests/acceptance/change_reader.h"

#include "proto/contract/job_state.h"

namespace lockstep::testing {

ChangeReader::ChangeReader(const TestCluster& cluster, const std::string& id)
    : name_("jobs/" + id),
      jobs_(cluster.Connect()),
      follower_([this](grpc::ClientContext& context) {
        return ReadStream(context);
      }) {}

std::vector<int64_t> ChangeReader::Finish() {
  follower_.Join();
  return sequences_;
}

bool ChangeReader::ReadStream(grpc::ClientContext& context) {
  v1::WatchJobsRequest request;
  request.set_name(name_);
  request.set_resume_token(token_);
  const auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse change;
  while (reader->Read(&change)) {
    token_ = change.resume_token();
    if (!change.has_event()) continue;
    sequences_.push_back(change.event().sequence());
    if (!IsTerminal(change.job().state())) continue;
    context.TryCancel();
    return true;
  }
  return false;
}

}  // namespace lockstep::testing
