#include "tests/server/simulation/simulated_host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/launcher/slurm_text.h"

namespace lockstep::testing {

std::shared_ptr<HostProcess> SimulatedHost::Find(const std::string& uid,
                                                 int attempt) const {
  for (const auto& process : processes_) {
    if (process->request.job_uid == uid &&
        process->attempt().attempt == attempt) {
      return process;
    }
  }
  return nullptr;
}

bool SimulatedHost::RanksLive(const std::string& uid, int attempt) const {
  const std::shared_ptr<HostProcess> process = Find(uid, attempt);
  return process != nullptr && process->ranks_live;
}

bool SimulatedHost::AnyWorks(const std::string& uid) const {
  return std::any_of(
      processes_.begin(), processes_.end(), [&](const auto& process) {
        return process->ranks_live && process->request.job_uid == uid;
      });
}

void SimulatedHost::EndRanks(HostProcess& process, int exit_code) {
  process.ranks_live = false;
  process.heartbeats = nullptr;
  for (const v1::RankPlacement& placement : process.request.ranks) {
    worker::v1::RankProcess& rank = process.exit_file.emplace_back();
    rank.set_rank(placement.rank());
    rank.set_pid(process.pid + 1 + placement.rank());
    rank.set_exited(true);
    rank.set_exit_code(exit_code);
    rank.set_asked_to_stop(process.told_to_stop);
  }
  const std::string& uid = process.request.job_uid;
  exit_files_[{uid, process.attempt().attempt}] = process.exit_file;
  if (exit_code == 0) succeeded_.insert(uid);
}

void SimulatedHost::End(const std::shared_ptr<HostProcess>& process,
                        int exit_code, int signal) {
  std::erase(processes_, process);
  if (watched_.erase(process->pid) == 0 || listener_ == nullptr) return;
  listener_({.attempt = process->attempt(),
             .ranks = process->exit_file,
             .exit_code = exit_code,
             .signal = signal});
}

std::shared_ptr<HostProcess> SimulatedHost::FirstThatWaits() const {
  for (const auto& process : processes_) {
    if (process->waits) return process;
  }
  return nullptr;
}

void SimulatedHost::TellEngine(
    std::variant<EngineNews, EngineReach> said) const {
  if (engine_listener_ != nullptr) engine_listener_(std::move(said));
}

void SimulatedHost::StartOne() {
  const std::shared_ptr<HostProcess> process = FirstThatWaits();
  if (process == nullptr) return;
  process->waits = false;
  TellEngine(EngineNews{.attempt = process->attempt(),
                        .id = absl::StrCat(process->pid),
                        .started = true});
}

void SimulatedHost::SayWhyOneWaits() {
  const std::shared_ptr<HostProcess> process = FirstThatWaits();
  if (process == nullptr) return;
  TellEngine(EngineNews{.attempt = process->attempt(),
                        .id = absl::StrCat(process->pid),
                        .message = "waits for nodes"});
}

void SimulatedHost::Answer(bool answers) {
  TellEngine(EngineReach{answers ? "" : "nobody answers"});
}

void SimulatedHost::SayWhoIsGone() {
  for (ProcessEnd& end : std::exchange(gone_, {})) {
    EngineNews news{.attempt = end.attempt};
    news.gone = std::move(end);
    TellEngine(std::move(news));
  }
}

void SimulatedHost::Close(const AttemptRef& attempt) {
  for (const auto& process : processes_) {
    if (process->attempt() != attempt || !process->waits) continue;
    const std::shared_ptr<HostProcess> ended = process;
    return End(ended, 0, 0);
  }
}

void SimulatedHost::SetEngineListener(EngineListener listener) {
  engine_listener_ = std::move(listener);
}

void SimulatedHost::CoordinatorDied() {
  engine_listener_ = nullptr;
  gone_.clear();
  listener_ = nullptr;
  watched_.clear();
  for (const auto& process : processes_) process->heartbeats = nullptr;
}

void SimulatedHost::SetListener(Listener listener) {
  listener_ = std::move(listener);
}

absl::StatusOr<server::ProcessRecord> SimulatedHost::Launch(
    const LaunchRequest& request) {
  watchers_.launching(request);
  if (watchers_.launch_fails()) return absl::NotFoundError("no such program");
  auto process = std::make_shared<HostProcess>();
  process->request = request;
  process->pid = next_pid_;
  process->waits = engine_ && request.attempt.attempt > 0;
  process->joins.resize(request.ranks.size(), HostProcess::Join::kNo);
  // Ids of its ranks follow its own.
  next_pid_ += 1 + static_cast<int64_t>(request.ranks.size());
  processes_.push_back(process);
  watched_.insert(process->pid);
  server::ProcessRecord record;
  record.set_attempt(request.attempt.attempt);
  record.set_process_id(process->pid);
  record.set_start_ticks(7);
  record.set_boot_id("boot");
  return record;
}

absl::Status SimulatedHost::Adopt(const AttemptRef& attempt,
                                  const std::string& job_uid,
                                  const server::ProcessRecord&,
                                  ProcessEnd* end) {
  const std::shared_ptr<HostProcess> process = Find(job_uid, attempt.attempt);
  if (process != nullptr && !adopts_nobody_) {
    watched_.insert(process->pid);
    return absl::OkStatus();
  }
  end->attempt = attempt;
  if (const auto file = exit_files_.find({job_uid, attempt.attempt});
      file != exit_files_.end()) {
    end->ranks = file->second;
  }
  // That takes the engine a while.
  if (engine_ && attempt.attempt > 0) {
    gone_.push_back(*end);
    return absl::OkStatus();
  }
  return absl::NotFoundError("gone");
}

absl::Status SimulatedHost::Signal(const AttemptRef& attempt, bool kill) {
  watchers_.signalled(attempt, kill);
  for (const auto& process : processes_) {
    if (process->attempt() != attempt) continue;
    if (process->waits) {
      const std::shared_ptr<HostProcess> ended = process;
      End(ended, 0, 0);
      break;
    }
    process->told_to_stop = true;
    process->dies = process->dies || kill;
  }
  return absl::OkStatus();
}

absl::Status SimulatedHost::RemoveFiles(const std::string& job_uid) {
  watchers_.removing(job_uid);
  return absl::OkStatus();
}

std::vector<v1::Node> SimulatedHost::Nodes() const {
  if (engine_) return {SlurmNode({.cpus = cpu_slots_, .gpus = {}})};
  v1::Node node;
  node.set_name("nodes/here");
  for (int slot = 0; slot < cpu_slots_; ++slot) {
    v1::Device& device = *node.add_devices();
    device.set_id(absl::StrCat("cpu:", slot));
    device.set_kind(v1::Device::CPU);
  }
  return {node};
}

}  // namespace lockstep::testing
