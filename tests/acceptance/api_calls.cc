#include "tests/acceptance/api_calls.h"

#include <chrono>

#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"

namespace lockstep::testing {

v1::CreateJobRequest WaitingJobRequest(const std::string& id,
                                       const std::string& after) {
  v1::CreateJobRequest request;
  request.set_job_id(id);
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_api_version("lockstep/v1");
  spec.mutable_model()->set_path("/models/none");
  spec.mutable_method()->mutable_lora();
  spec.mutable_data()->add_train()->set_path("/data/none.jsonl");
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
  spec.set_output_dir("/out/" + id);
  spec.add_after(after);
  return request;
}

grpc::Status Create(v1::JobService::Stub& jobs,
                    const v1::CreateJobRequest& request, v1::Job* job) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::minutes(1));
  context.set_wait_for_ready(true);
  return jobs.CreateJob(&context, request, job);
}

grpc::Status CreateWaitingJob(v1::JobService::Stub& jobs, const std::string& id,
                              const std::string& after) {
  v1::Job job;
  return Create(jobs, WaitingJobRequest(id, after), &job);
}

std::vector<std::string> NamesOfJobs(v1::JobService::Stub& jobs) {
  std::vector<std::string> names;
  v1::ListJobsRequest request;
  request.set_page_size(1000);
  do {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::ListJobsResponse page;
    EXPECT_TRUE(jobs.ListJobs(&context, request, &page).ok());
    for (const v1::Job& job : page.jobs()) names.push_back(job.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return names;
}

std::string ReasonOf(const grpc::Status& status) {
  return ErrorReason(FromGrpcStatus(status));
}

std::vector<int64_t> PidsOf(const v1::Job& job) {
  std::vector<int64_t> pids;
  for (const v1::RankPlacement& rank : job.attempts(0).ranks()) {
    pids.push_back(rank.pid());
  }
  return pids;
}

}  // namespace lockstep::testing
