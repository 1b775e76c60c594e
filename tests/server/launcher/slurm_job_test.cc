#include "server/launcher/slurm_job.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const WorkerContext kSiteContext{
    .worker_path = "/opt/lock'step/lockstep-worker",
    .coordinator = "lc:7000",
    .tls_ca = "/etc/ca.pem",
    .state_dir = "/state"};

LaunchRequest Request(int ranks, int nodes) {
  LaunchRequest request{.attempt = {"jobs/a", 2},
                        .job_uid = "0123456789abcdef0123",
                        .token = "secret"};
  request.spec.mutable_resources()->set_nodes(nodes);
  for (int rank = 0; rank < ranks; ++rank) request.ranks.emplace_back();
  return request;
}

SlurmJob Job() {
  return {.name = SlurmJobName("cafe0001", "0123456789abcdef0123", 2),
          .nonce = "cafe0001"};
}

TEST(SlurmJobTest, OfACpuJobOnTwoHosts) {
  EXPECT_THAT(
      SbatchArguments(kSiteContext, Request(4, 2), Job()),
      ElementsAre("--parsable", "--job-name=lockstep-cafe0001-0123456789ab-2",
                  "--comment=lockstep cafe0001 jobs/a attempt 2",
                  "--no-requeue", "--dependency=singleton", "--export=PATH",
                  "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=2",
                  "--chdir=/state/jobs/0123456789abcdef0123/attempt-2",
                  "--output=/state/jobs/0123456789abcdef0123/attempt-2/"
                  "supervisor.log",
                  "--open-mode=append",
                  "/state/jobs/0123456789abcdef0123/attempt-2/batch.sh"));
}

TEST(SlurmJobTest, WhatAJobAsksForGoesBeforeTheDefaults) {
  LaunchRequest request = Request(8, 1);
  request.avoid_nodes = {"n3", "n7"};
  request.spec.mutable_resources()->mutable_slurm()->set_partition("big");
  request.spec.mutable_resources()->mutable_slurm()->set_constraint("ib&nvme");
  SlurmJob job = Job();
  job.kind = v1::Device::CUDA;
  job.gpu_type = "h200";
  job.time_limit = absl::Minutes(61) + absl::Seconds(1);
  job.defaults = {.partition = "small", .account = "lab", .qos = "low"};
  job.exported = {"NCCL_DEBUG"};

  EXPECT_THAT(
      SbatchArguments(kSiteContext, request, job),
      AllOf(Contains("--export=PATH,NCCL_DEBUG"),
            Contains("--gpus-per-node=h200:8"), Contains("--time=62"),
            Contains("--exclude=n3,n7"), Contains("--partition=big"),
            Contains("--account=lab"), Contains("--qos=low"),
            Contains("--constraint=ib&nvme"), Contains("--cpus-per-task=16")));
}

TEST(SlurmJobTest, TheScriptStartsOneSupervisorAHost) {
  const std::string script =
      BatchScript(kSiteContext, Request(4, 2), Job(), "/slurm/bin/srun");

  EXPECT_THAT(
      script,
      AllOf(HasSubstr("trap '' TERM\n'/slurm/bin/srun' --kill-on-bad-exit=1 "
                      "--label --cpus-per-task=2 \\\n  "
                      "'/opt/lock'\\''step/lockstep-worker' 'supervise' "
                      "'--coordinator' 'lc:7000' '--job' 'jobs/a' "
                      "'--attempt' '2' '--token-file' "),
            HasSubstr("'--slurm' 'cpu' '--ranks-per-node' '2' '--tls-ca' "
                      "'/etc/ca.pem'\n"),
            Not(HasSubstr("secret"))));
}

TEST(SlurmJobTest, NothingButNcclsVariablesIsExported) {
  const char* const environment[] = {"HOME=/root",    "NCCL_DEBUG=INFO",
                                     "SECRET=NCCL_X", "NCCL_A,SECRET=1",
                                     "NCCL_ALGO",     nullptr};

  EXPECT_THAT(ExportedNames(environment),
              ElementsAre("NCCL_ALGO", "NCCL_DEBUG"));
}

}  // namespace
}  // namespace lockstep
