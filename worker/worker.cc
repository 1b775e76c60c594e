#include "worker/worker.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "proto/contract/check.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/loopback.h"
#include "proto/contract/printable.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/trace_context.h"
#include "worker/comm/gloo_communicator.h"
#include "worker/comm/local_communicator.h"
#include "worker/comm/nccl_communicator.h"
#include "worker/comm/newest_collective.h"
#include "worker/coordinator/gpu_gauge.h"
#include "worker/coordinator/grpc_coordinator.h"
#include "worker/io/timed_lines.h"
#include "worker/supervise/visible_device.h"
#include "worker/train/gpu_presence.h"
#include "worker/train/progress.h"
#include "worker/train/rank_end.h"
#include "worker/train/trainer.h"
#include "worker/train/training_run.h"

namespace lockstep {
namespace {

using worker::v1::JoinResponse;

// How long the last points are offered to a coordinator that is away: as long
// as it may stay away.
constexpr absl::Duration kFarewell = absl::Minutes(10);
// The same for a rank that fails, whose supervisor waits for it.
constexpr absl::Duration kShortFarewell = absl::Seconds(2);

std::atomic<bool> stop_requested = false;

// Until here SIGTERM just ends the process: there is nothing to save.
void HeedSigterm() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_requested = true; };
  action.sa_flags = SA_RESTART;
  LOCKSTEP_CHECK(sigaction(SIGTERM, &action, nullptr) == 0);
}

std::string NodeName() {
  char name[256] = {};
  LOCKSTEP_CHECK(gethostname(name, sizeof(name) - 1) == 0);
  return name;
}

// Tells this process from another that claims to be the same rank.
std::string Incarnation() {
  char bytes[16];
  LOCKSTEP_CHECK(getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes));
  return absl::BytesToHexString(absl::string_view(bytes, sizeof(bytes)));
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

bool IsThisHost(absl::string_view address) {
  return absl::StartsWith(address, "unix:") ||
         IsLoopback(address.substr(0, address.rfind(':')));
}

// What the coordinator is told of: under Slurm it does not know the GPU.
std::string DeviceName(const WorkerOptions& options,
                       const Placement& placement) {
  if (placement.device.is_cpu()) return "cpu";
  if (!absl::StartsWith(options.device, "cuda:") ||
      !CheckGpu(options.device, placement).ok()) {
    return options.device;
  }
  // What is wrong with it is told when training begins, by a rank that joined.
  return GpuUuid().value_or(options.device);
}

// Before the first call to CUDA, and while this process has one thread.
absl::StatusOr<Placement> PlacementOn(const WorkerOptions& options) {
  if (absl::StartsWith(options.device, "cpu:")) return Placement{};
  ASSIGN_OR_RETURN(const std::string visible,
                   VisibleDevice(options.device, Environment));
  // It becomes the only GPU that CUDA shows, cuda:0.
  LOCKSTEP_CHECK(setenv("CUDA_VISIBLE_DEVICES", visible.c_str(), 1) == 0);
  // What the operator has set in lockstepd's environment stands. Only ranks
  // that Slurm places, which has GPUs by number, may meet on several hosts.
  // NVLink multicast brings little to two to eight GPUs, and a program that
  // dies in it can take the host's GPUs with it.
  if (!absl::StartsWith(options.device, "cuda:") ||
      IsThisHost(options.coordinator)) {
    LOCKSTEP_CHECK(setenv("NCCL_SOCKET_IFNAME", "lo", 0) == 0);
  }
  LOCKSTEP_CHECK(setenv("NCCL_NVLS_ENABLE", "0", 0) == 0);
  LOCKSTEP_CHECK(setenv("NCCL_DEBUG", "WARN", 0) == 0);
  return Placement{.device = at::Device(at::kCUDA, 0),
                   .compute = at::kBFloat16};
}

absl::StatusOr<std::unique_ptr<Communicator>> MeetTheOthers(
    const WorkerOptions& options, const Placement& placement,
    const JoinResponse& job, Coordinator& coordinator,
    NewestCollective& newest) {
  if (job.world_size() == 1) return std::move(MakeLocalGroup(1)[0]);
  GlooOptions gloo = {.rank = options.rank,
                      .world_size = job.world_size(),
                      .bind_address = job.bind_address(),
                      .newest = &newest};
  const NcclOptions nccl{.newest = &newest};
  // Ranks on CPUs may share cores, and be apart for long.
  if (placement.device.is_cuda()) gloo.timeout = nccl.timeout;
  ASSIGN_OR_RETURN(std::unique_ptr<Communicator> host,
                   ConnectGloo(coordinator, gloo));
  if (placement.device.is_cpu()) return host;
  absl::StatusOr<std::unique_ptr<Communicator>> gpus =
      ConnectNccl(coordinator, std::move(host), nccl);
  if (absl::IsDeadlineExceeded(gpus.status())) {
    return WithCause(v1::Attempt::RENDEZVOUS_TIMEOUT, gpus.status());
  }
  return gpus;
}

// From the first collective to the last.
absl::StatusOr<Trainer::End> Train(const WorkerOptions& options,
                                   const Placement& placement,
                                   const JoinResponse& job,
                                   Coordinator& coordinator,
                                   NewestCollective& newest,
                                   Progress& progress) {
  RETURN_IF_ERROR(CheckGpu(options.device, placement));
  ASSIGN_OR_RETURN(const std::unique_ptr<Communicator> communicator,
                   MeetTheOthers(options, placement, job, coordinator, newest));
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run,
                   TrainingRun::Build({.job = job,
                                       .attempt = options.attempt,
                                       .communicator = *communicator,
                                       .coordinator = coordinator,
                                       .progress = progress,
                                       .placement = placement,
                                       .stop_requested = stop_requested,
                                       .lines = &std::cerr}));
  std::cerr << FormatMemoryPlan(run->memory_plan());
  RETURN_IF_ERROR(run->Restore());
  HeedSigterm();
  ASSIGN_OR_RETURN(const Trainer::End end, run->Train());
  if (end == Trainer::End::kFinished) RETURN_IF_ERROR(run->Save());
  RETURN_IF_ERROR(run->Leave());
  return end;
}

// Torch says by exceptions what it cannot do.
absl::StatusOr<Trainer::End> TrainCatching(const WorkerOptions& options,
                                           const Placement& placement,
                                           const JoinResponse& job,
                                           Coordinator& coordinator,
                                           NewestCollective& newest,
                                           Progress& progress) {
  try {
    return Train(options, placement, job, coordinator, newest, progress);
  } catch (const std::bad_alloc&) {
    return WithCause(v1::Attempt::HOST_OUT_OF_MEMORY,
                     absl::ResourceExhaustedError("out of memory"));
  } catch (const c10::OutOfMemoryError& error) {
    return WithCause(
        v1::Attempt::GPU_OUT_OF_MEMORY,
        absl::ResourceExhaustedError(absl::StrCat(
            options.device, " has too little free memory; a smaller ",
            "train.per_device_train_batch_size or data.max_length needs less: ",
            error.what_without_backtrace())));
  } catch (const c10::AcceleratorError& error) {
    // Of the GPU's own memory it is the error above.
    constexpr int kCudaErrorMemoryAllocation = 2;
    if (error.get_error_code() == kCudaErrorMemoryAllocation) {
      return WithCause(v1::Attempt::HOST_OUT_OF_MEMORY,
                       absl::ResourceExhaustedError(
                           "no page-locked memory is left on the host, which "
                           "train.recompute: block and weights on their way to "
                           "the GPU take"));
    }
    return WithCause(
        v1::Attempt::GPU_FAULT,
        absl::InternalError(absl::StrCat(options.device, ": ",
                                         error.what_without_backtrace())));
  } catch (const std::exception& error) {
    const absl::string_view what = error.what();
    // c10's allocator for the CPU throws no type of its own.
    const bool memory = what.find("can't allocate memory") != what.npos;
    return WithCause(
        memory ? v1::Attempt::HOST_OUT_OF_MEMORY : v1::Attempt::WORKER_CRASH,
        absl::InternalError(what));
  }
}

// The first line: what a search for a trace, or for a job, is to find.
std::string WhoIs(const WorkerOptions& options, const JoinResponse& job) {
  const auto trace = ParseTraceparent(job.traceparent());
  return absl::StrCat(
      options.job, " attempt ", options.attempt, " rank ", options.rank, " of ",
      job.world_size(), " on ", options.device,
      trace.has_value() ? absl::StrCat(", trace ", trace->trace_id) : "", "\n");
}

void Tell(const absl::Status& error, Progress& progress) {
  const RankEnd end = EndOfRank(error);
  if (end.cause == v1::Attempt::END_CAUSE_UNSPECIFIED) return;
  // If it does not arrive, the exit code says the kind of end.
  progress.ReportFailure(end.cause, Printable(error.message())).IgnoreError();
}

// Whether its coordinator may not see this GPU. One that it reaches by a socket
// of this host does, and may still be far away when that is a port.
bool IsGpuElsewhere(const WorkerOptions& options, absl::string_view device) {
  return absl::StartsWith(device, "GPU-") &&
         !absl::StartsWith(options.coordinator, "unix:");
}

absl::StatusOr<Trainer::End> Live(const WorkerOptions& options,
                                  const Placement& placement) {
  const std::string device = DeviceName(options, placement);
  ASSIGN_OR_RETURN(const std::unique_ptr<GrpcCoordinator> coordinator,
                   GrpcCoordinator::Create({.address = options.coordinator,
                                            .tls_ca = options.tls_ca,
                                            .job = options.job,
                                            .attempt = options.attempt,
                                            .rank = options.rank,
                                            .token_file = options.token_file,
                                            .device = device}));
  const absl::StatusOr<JoinResponse> job =
      coordinator->Join(NodeName(), getpid(), Incarnation());
  if (!job.ok()) return FromCoordinator(job.status());
  std::cerr << WhoIs(options, *job);

  NewestCollective newest;
  std::optional<GpuGauge> gpu;
  if (IsGpuElsewhere(options, device)) gpu.emplace(device);
  ProgressOptions reporting = {.attempt = options.attempt,
                               .rank = options.rank,
                               .collectives = &newest,
                               .gpu = gpu.has_value() ? &*gpu : nullptr};
  if (job->has_heartbeat_interval()) {
    reporting.heartbeat_interval =
        absl::Seconds(job->heartbeat_interval().seconds()) +
        absl::Nanoseconds(job->heartbeat_interval().nanos());
  }
  Progress progress(*coordinator, reporting);
  absl::StatusOr<Trainer::End> end =
      TrainCatching(options, placement, *job, *coordinator, newest, progress);
  if (!end.ok()) Tell(end.status(), progress);
  progress.Flush(end.ok() ? kFarewell : kShortFarewell);
  return end;
}

}  // namespace

int RunWorker(const WorkerOptions& options) {
  const TimedLines timed(std::cerr);
  const absl::StatusOr<Placement> placement = PlacementOn(options);
  if (!placement.ok()) {
    std::cerr << "lockstep-worker train: " << placement.status().message()
              << "\n";
    return kUsage;
  }
  // One rank, one slot, one thread.
  at::set_num_threads(1);
  at::set_num_interop_threads(1);
  // Weights of attention and their gradients reach far below 2^-126, where each
  // operation takes a hundred times as long: a tenth of a step on a pretrained
  // model. To a sum of normal numbers they are nothing.
  at::globalContext().setFlushDenormal(true);
  const absl::StatusOr<Trainer::End> end = Live(options, *placement);
  if (end.ok()) return *end == Trainer::End::kStopped ? kStopped : kOk;
  std::cerr << "rank " << options.rank << " of " << options.job << ", attempt "
            << options.attempt << ": " << end.status().message() << "\n";
  return EndOfRank(end.status()).exit_code;
}

}  // namespace lockstep
