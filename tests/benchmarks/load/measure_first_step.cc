#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/limit.h"
#include "tests/benchmarks/load/percentile.h"
#include "tests/benchmarks/load/scenarios.h"

namespace lockstep::load {
namespace {

namespace fs = std::filesystem;

constexpr int kRepeats = 9;
constexpr double kMostMsBesideTorch = 500;

// The smallest process that is linked to LibTorch, from its start to its end.
double TorchStartMs() {
  const absl::Time begin = absl::Now();
  std::string program = LOCKSTEP_TORCH_START;
  char* argv[] = {program.data(), nullptr};
  pid_t pid = 0;
  int status = 1;
  if (posix_spawn(&pid, argv[0], nullptr, nullptr, argv, environ) != 0 ||
      waitpid(pid, &status, 0) != pid || status != 0) {
    Die("cannot run " + program);
  }
  return absl::ToDoubleMilliseconds(absl::Now() - begin);
}

// All with the same input, so that all but the first find it prepared.
v1::CreateJobRequest OneStep(const std::string& id, const std::string& out) {
  const char* source = std::getenv("LOCKSTEP_SOURCE_DIR");
  const std::string data =
      absl::StrCat(fs::absolute(source == nullptr ? "." : source).string(),
                   "/tests/testdata/");
  v1::CreateJobRequest request;
  request.set_job_id(id);
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_api_version("lockstep/v1");
  spec.mutable_model()->set_path(data + "models/tiny-llama");
  spec.mutable_method()->mutable_lora();
  spec.mutable_data()->add_train()->set_path(data + "data/text.jsonl");
  spec.mutable_data()->set_max_length(64);
  spec.mutable_train()->set_max_steps(1);
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
  spec.mutable_resources()->set_ranks(1);
  spec.set_output_dir(out);
  return request;
}

// From the call to the first step's arrival at whoever follows.
double FirstStepMs(const Daemon& daemon, v1::JobService::Stub& jobs, int n) {
  const std::string id = absl::StrCat("first-step-", n);
  const absl::Time begin = absl::Now();
  {
    grpc::ClientContext context;
    v1::Job job;
    const grpc::Status status =
        jobs.CreateJob(&context, OneStep(id, daemon.folder() + "/" + id), &job);
    if (!status.ok()) Die("CreateJob: " + status.error_message());
  }
  grpc::ClientContext context;
  v1::StreamMetricsRequest request;
  request.set_name("jobs/" + id);
  request.set_follow(true);
  const auto reader = jobs.StreamMetrics(&context, request);
  v1::StreamMetricsResponse batch;
  while (reader->Read(&batch)) {
    for (const v1::MetricPoint& point : batch.points()) {
      if (point.step() < 1) continue;
      const absl::Duration took = absl::Now() - begin;
      // To its end, so that the next one has the machine for itself.
      while (reader->Read(&batch)) {
      }
      return absl::ToDoubleMilliseconds(took);
    }
  }
  Die(id + " has no step: " + reader->Finish().error_message());
}

}  // namespace

bool MeasureFirstStep() {
  const Daemon daemon(/*cpu_slots=*/2, Daemon::Workers::kReal);
  const auto jobs = v1::JobService::NewStub(daemon.Connect());
  FirstStepMs(daemon, *jobs, 0);
  TorchStartMs();
  std::vector<double> starts;
  std::vector<double> steps;
  for (int i = 1; i <= kRepeats; ++i) {
    starts.push_back(TorchStartMs());
    steps.push_back(FirstStepMs(daemon, *jobs, i));
  }
  const double start = Percentile(starts, 0.5);
  const double step = Percentile(steps, 0.5);
  std::printf(
      "\nsubmit to first step, input prepared: p50 %.0f ms, most %.0f; an "
      "empty "
      "LibTorch process %.0f ms\n",
      step, Percentile(steps, 1), start);
  return IsKept("ms from CreateJob to the first step, beside LibTorch",
                step - start, kMostMsBesideTorch);
}

}  // namespace lockstep::load
