#ifndef LOCKSTEP_TESTS_ACCEPTANCE_API_CALLS_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_API_CALLS_H_

// Calls that the command line would wrap and repeat, made once, as they are.

#include <cstdint>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "lockstep/v1/job_service.grpc.pb.h"

namespace lockstep::testing {

// A request for a job that only waits: for `after`, which has not ended.
v1::CreateJobRequest WaitingJobRequest(const std::string& id,
                                       const std::string& after);

// With a minute's deadline, within which it waits for a coordinator.
grpc::Status Create(v1::JobService::Stub& jobs,
                    const v1::CreateJobRequest& request, v1::Job* job);
grpc::Status CreateWaitingJob(v1::JobService::Stub& jobs, const std::string& id,
                              const std::string& after);

// The names of all jobs, newest first.
std::vector<std::string> NamesOfJobs(v1::JobService::Stub& jobs);

// Its ErrorInfo's reason.
std::string ReasonOf(const grpc::Status& status);

// Of all ranks of the first attempt.
std::vector<int64_t> PidsOf(const v1::Job& job);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_API_CALLS_H_
