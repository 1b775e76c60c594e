#include "server/launcher/local_launcher.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/nvml.h"
#include "proto/contract/status_macros.h"
#include "server/launcher/local_node.h"
#include "server/launcher/process_folder.h"
#include "server/launcher/process_table.h"
#include "server/launcher/subprocess.h"

namespace lockstep {
namespace {

// What a process of this folder, and of no other, has on its command line.
std::string MarkOf(const std::string& folder) {
  return absl::StrCat(folder, "/", kTokenFile);
}

ProcessEnd EndOf(const AttemptRef& attempt, const std::string& folder,
                 ProcessWatch::End how) {
  ProcessEnd end{.attempt = attempt,
                 .ranks = {},
                 .exit_code = how.exit_code,
                 .signal = how.signal};
  // One that cannot be read says as little as none.
  absl::StatusOr<std::vector<worker::v1::RankProcess>> ranks =
      ReadExitFile(folder);
  if (ranks.ok()) end.ranks = *std::move(ranks);
  return end;
}

// A handle of the process that this record names, if it lives.
int OpenRecorded(const server::ProcessRecord& record) {
  if (record.boot_id() != BootId()) return -1;
  const auto pid = static_cast<pid_t>(record.process_id());
  const int pidfd = OpenPidfd(pid);
  if (pidfd >= 0 && StartTicks(pid) == record.start_ticks()) return pidfd;
  close(pidfd);
  return -1;
}

// Too many open files, most likely. A process whose end nobody would see must
// not run.
absl::Status Unwatchable(pid_t pid, int error) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return absl::ErrnoToStatus(error, absl::StrCat("watch process ", pid));
}

// The coordinator died between the start of a process and the write of its id.
int OpenUnrecorded(const std::string& folder) {
  for (const ProcessEntry& entry : FindByArgument(MarkOf(folder))) {
    const bool is_ours = HasArgument(entry.argv, "prepare") ||
                         HasArgument(entry.argv, "supervise");
    // Not a child of it: what we start leads a session.
    if (is_ours && getsid(entry.pid) == entry.pid) return OpenPidfd(entry.pid);
  }
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalLauncher>> LocalLauncher::Start(
    const LocalLauncherOptions& options) {
  if (access(options.worker_path.c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("run ", options.worker_path));
  }
  std::unique_ptr<LocalLauncher> launcher(new LocalLauncher(
      options, {LocalNode(HostName(), options.cpu_slots,
                          FindGpus(options.nvml_library.c_str()))}));
  ASSIGN_OR_RETURN(launcher->watch_,
                   ProcessWatch::Start([self = launcher.get()](
                                           int64_t id, ProcessWatch::End how) {
                     self->Ended(id, how);
                   }));
  return launcher;
}

LocalLauncher::LocalLauncher(const LocalLauncherOptions& options,
                             std::vector<v1::Node> nodes)
    : context_({.worker_path = options.worker_path,
                .coordinator = options.coordinator,
                .tls_ca = options.tls_ca,
                .state_dir = options.state_dir,
                .cpu_binding = options.cpu_binding}),
      longest_death_(options.longest_death),
      watched_library_(options.use_busy_gpus ? "" : options.nvml_library),
      nodes_(std::move(nodes)) {}

void LocalLauncher::SetListener(Listener listener) {
  absl::MutexLock lock(&mu_);
  listener_ = std::move(listener);
}

void LocalLauncher::SetUseListener(UseListener listener) {
  gpu_watch_.reset();
  if (listener == nullptr || watched_library_.empty()) return;
  std::unique_ptr<GpuMonitor> monitor =
      GpuMonitor::Open(watched_library_.c_str());
  if (monitor == nullptr) return;
  // All processes of a job know by this address whom to call.
  const auto is_ours = [address = context_.coordinator](int process) {
    return HasArgument(ArgvOf(process), address);
  };
  gpu_watch_ = std::make_unique<GpuWatch>(
      std::move(monitor),
      GpuWatch::Options{.is_ours = is_ours, .listener = std::move(listener)});
}

absl::StatusOr<server::ProcessRecord> LocalLauncher::Launch(
    const LaunchRequest& request) {
  const int attempt = request.attempt.attempt;
  const std::string folder =
      ProcessFolder(context_.state_dir, request.job_uid, attempt);
  RETURN_IF_ERROR(WriteProcessFolder(folder, request));
  ASSIGN_OR_RETURN(const pid_t pid,
                   StartSubprocess({.argv = WorkerCommand(context_, request),
                                    .working_dir = folder,
                                    .log_path = absl::StrCat(
                                        folder, "/", LogFileName(attempt))}));
  server::ProcessRecord record;
  record.set_attempt(attempt);
  record.set_process_id(pid);
  // Our child and not reaped: it is there even if it has ended already.
  record.set_start_ticks(StartTicks(pid).value_or(0));
  record.set_boot_id(BootId());
  const int pidfd = OpenPidfd(pid);
  if (pidfd < 0) return Unwatchable(pid, errno);
  Watch({request.attempt, folder}, pidfd);
  return record;
}

absl::Status LocalLauncher::Adopt(const AttemptRef& attempt,
                                  const std::string& job_uid,
                                  const server::ProcessRecord& record,
                                  ProcessEnd* end) {
  const std::string folder =
      ProcessFolder(context_.state_dir, job_uid, attempt.attempt);
  const int pidfd =
      record.process_id() == 0 ? OpenUnrecorded(folder) : OpenRecorded(record);
  if (pidfd >= 0) {
    Watch({attempt, folder}, pidfd);
    return absl::OkStatus();
  }
  KillByArgument(MarkOf(folder), longest_death_);
  *end = EndOf(attempt, folder, {});
  return absl::NotFoundError(absl::StrCat(
      attempt.job, ": the process of attempt ", attempt.attempt, " is gone"));
}

absl::Status LocalLauncher::RemoveFiles(const std::string& job_uid) {
  return RemoveJobFolder(JobFolder(context_.state_dir, job_uid));
}

absl::Status LocalLauncher::Signal(const AttemptRef& attempt, bool kill) {
  absl::MutexLock lock(&mu_);
  for (const auto& [id, process] : processes_) {
    // What it leaves behind follows when its end is seen.
    if (process.attempt == attempt) {
      watch_->Signal(id, kill ? SIGKILL : SIGTERM);
    }
  }
  return absl::OkStatus();
}

void LocalLauncher::Watch(Process process, int pidfd) {
  absl::MutexLock lock(&mu_);
  const int64_t id = next_id_++;
  processes_.emplace(id, std::move(process));
  watch_->Add(id, pidfd);
}

void LocalLauncher::Ended(int64_t id, ProcessWatch::End how) {
  Process process;
  Listener listener;
  {
    absl::MutexLock lock(&mu_);
    process = processes_.extract(id).mapped();
    listener = listener_;
  }
  // One that takes longer is told all the same: its job must not hang.
  KillByArgument(MarkOf(process.folder), longest_death_);
  if (listener != nullptr) {
    listener(EndOf(process.attempt, process.folder, how));
  }
}

}  // namespace lockstep
