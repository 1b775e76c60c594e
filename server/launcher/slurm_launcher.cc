#include "server/launcher/slurm_launcher.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"
#include "proto/contract/status_macros.h"
#include "server/launcher/local_launcher.h"
#include "server/launcher/process_folder.h"
#include "server/launcher/slurm_nonce.h"

extern char** environ;

namespace lockstep {
namespace {

absl::StatusOr<v1::Node> FindNode(const SlurmLauncherOptions& options,
                                  const SlurmClient& client) {
  ASSIGN_OR_RETURN(SlurmSlots slots, client.Slots(options.defaults.partition));
  if (options.cpu_slots.has_value()) slots.cpus = *options.cpu_slots;
  if (options.gpu_slots.has_value()) slots.gpus = {{"", *options.gpu_slots}};
  v1::Node node = SlurmNode(slots);
  if (node.devices_size() == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("sinfo lists no CPU and no GPU",
                     options.defaults.partition.empty()
                         ? ""
                         : absl::StrCat(" in --slurm-partition \"",
                                        options.defaults.partition, "\"")));
  }
  return node;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SlurmLauncher>> SlurmLauncher::Start(
    const SlurmLauncherOptions& options) {
  const SlurmClient client(
      {.bin_dir = options.bin_dir, .timeout = options.command_timeout});
  ASSIGN_OR_RETURN(const std::string config, client.Config());
  RETURN_IF_ERROR(CheckRequeueExit(config));
  ASSIGN_OR_RETURN(v1::Node node, FindNode(options, client));
  ASSIGN_OR_RETURN(std::string nonce, SlurmNonce(options.state_dir));
  ASSIGN_OR_RETURN(
      std::unique_ptr<Launcher> local,
      LocalLauncher::Start({.state_dir = options.state_dir,
                            .worker_path = options.worker_path,
                            .coordinator = options.local_coordinator,
                            .tls_ca = options.tls_ca,
                            .use_busy_gpus = true}));
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) return absl::ErrnoToStatus(errno, "eventfd");
  return std::unique_ptr<SlurmLauncher>(new SlurmLauncher(
      options, std::move(nonce), std::move(node), std::move(local), stop_fd));
}

SlurmLauncher::SlurmLauncher(const SlurmLauncherOptions& options,
                             std::string nonce, v1::Node node,
                             std::unique_ptr<Launcher> local, int stop_fd)
    : options_(options),
      context_({.worker_path = options.worker_path,
                .coordinator = options.coordinator,
                .tls_ca = options.tls_ca,
                .state_dir = options.state_dir}),
      nonce_(std::move(nonce)),
      node_(std::move(node)),
      local_(std::move(local)),
      stop_fd_(stop_fd),
      client_({.bin_dir = options.bin_dir,
               .timeout = options.command_timeout,
               .stop_fd = stop_fd}) {
  thread_ = std::thread([this] { Run(); });
}

SlurmLauncher::~SlurmLauncher() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(stop_fd_);
}

void SlurmLauncher::SetListener(Listener listener) {
  local_->SetListener(listener);
  absl::MutexLock lock(&mu_);
  listener_ = std::move(listener);
}

void SlurmLauncher::SetEngineListener(EngineListener listener) {
  absl::MutexLock lock(&mu_);
  engine_listener_ = std::move(listener);
}

SlurmJob SlurmLauncher::JobOf(const LaunchRequest& request) const {
  SlurmJob job{
      .name = SlurmJobName(nonce_, request.job_uid, request.attempt.attempt),
      .nonce = nonce_,
      .defaults = options_.defaults,
      .exported = ExportedNames(environ)};
  const v1::ResourceSpec& resources = request.spec.resources();
  if (resources.has_timeout()) {
    job.time_limit = absl::Seconds(resources.timeout().seconds()) +
                     absl::Nanoseconds(resources.timeout().nanos()) +
                     options_.time_margin;
  }
  for (const v1::Device& device : node_.devices()) {
    if (request.ranks.empty() || device.id() != request.ranks[0].device()) {
      continue;
    }
    job.kind = device.kind();
    if (!resources.gpu_model().empty()) job.gpu_type = device.model();
  }
  return job;
}

absl::StatusOr<server::ProcessRecord> SlurmLauncher::Launch(
    const LaunchRequest& request) {
  if (request.attempt.attempt == 0) return local_->Launch(request);
  const std::string folder = ProcessFolder(context_.state_dir, request.job_uid,
                                           request.attempt.attempt);
  const SlurmJob job = JobOf(request);
  RETURN_IF_ERROR(WriteProcessFolder(folder, request));
  RETURN_IF_ERROR(WriteProcessFile(
      absl::StrCat(folder, "/", kBatchScript),
      BatchScript(context_, request, job, client_.PathOf("srun")), 0750));
  Track({.attempt = request.attempt,
         .name = job.name,
         .folder = folder,
         .to_submit = SbatchArguments(context_, request, job)});
  server::ProcessRecord record;
  record.set_attempt(request.attempt.attempt);
  return record;
}

absl::Status SlurmLauncher::Adopt(const AttemptRef& attempt,
                                  const std::string& job_uid,
                                  const server::ProcessRecord& record,
                                  ProcessEnd* end) {
  if (attempt.attempt == 0) {
    return local_->Adopt(attempt, job_uid, record, end);
  }
  Track({.attempt = attempt,
         .name = SlurmJobName(nonce_, job_uid, attempt.attempt),
         .folder = ProcessFolder(context_.state_dir, job_uid, attempt.attempt),
         .id = record.engine_id(),
         .started = record.has_engine_start_time()});
  return absl::OkStatus();
}

absl::Status SlurmLauncher::Signal(const AttemptRef& attempt, bool kill) {
  if (attempt.attempt == 0) return local_->Signal(attempt, kill);
  absl::MutexLock lock(&mu_);
  const auto found = tracked_.find({attempt.job, attempt.attempt});
  if (found == tracked_.end()) return absl::OkStatus();
  found->second.cancel = true;
  found->second.kill |= kill;
  woken_ = true;
  return absl::OkStatus();
}

void SlurmLauncher::Close(const AttemptRef& attempt) {
  absl::MutexLock lock(&mu_);
  const auto found = tracked_.find({attempt.job, attempt.attempt});
  if (found == tracked_.end()) return;
  found->second.closed = true;
  found->second.unwanted_at = MonotonicNow() + options_.linger;
  woken_ = true;
}

absl::Status SlurmLauncher::RemoveFiles(const std::string& job_uid) {
  return local_->RemoveFiles(job_uid);
}

void SlurmLauncher::Track(Tracked tracked) {
  absl::MutexLock lock(&mu_);
  const Key key{tracked.attempt.job, tracked.attempt.attempt};
  tracked.told.attempt = tracked.attempt;
  tracked_.insert_or_assign(key, std::move(tracked));
  woken_ = true;
}

}  // namespace lockstep
