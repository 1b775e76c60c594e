#ifndef LOCKSTEP_TESTS_TESTING_FAKE_LAUNCHER_H_
#define LOCKSTEP_TESTS_TESTING_FAKE_LAUNCHER_H_

// A Launcher that starts nothing: the test sees what was to be launched and
// says when it ends. Thread-safe.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/launcher/launcher.h"

namespace lockstep::testing {

class FakeLauncher : public Launcher {
 public:
  explicit FakeLauncher(int cpu_slots) : cpu_slots_(cpu_slots) {}

  void SetListener(Listener listener) override {
    absl::MutexLock lock(&mu_);
    listener_ = std::move(listener);
  }

  absl::StatusOr<server::ProcessRecord> Launch(
      const LaunchRequest& request) override {
    absl::MutexLock lock(&mu_);
    if (!launch_error_.ok()) return launch_error_;
    launched_.push_back(request);
    server::ProcessRecord record;
    record.set_attempt(request.attempt.attempt);
    record.set_token_sha256(TokenDigest(request.token));
    record.set_process_id(static_cast<int64_t>(1000 + launched_.size()));
    return record;
  }

  absl::Status Adopt(const AttemptRef& attempt, const std::string&,
                     const server::ProcessRecord&, ProcessEnd* end) override {
    absl::MutexLock lock(&mu_);
    if (adopts_) return absl::OkStatus();
    end->attempt = attempt;
    return absl::NotFoundError("gone");
  }

  absl::Status Signal(const AttemptRef& attempt, bool kill) override {
    absl::MutexLock lock(&mu_);
    signals_.push_back({attempt, kill});
    return absl::OkStatus();
  }

  absl::Status RemoveFiles(const std::string& job_uid) override {
    absl::MutexLock lock(&mu_);
    if (!remove_error_.ok()) return remove_error_;
    removed_.push_back(job_uid);
    return absl::OkStatus();
  }

  std::vector<v1::Node> Nodes() const override {
    v1::Node node;
    node.set_name("nodes/here");
    for (int slot = 0; slot < cpu_slots_; ++slot) {
      v1::Device& device = *node.add_devices();
      device.set_id(absl::StrCat("cpu:", slot));
      device.set_kind(v1::Device::CPU);
    }
    return {node};
  }

  void SetUseListener(UseListener listener) override {
    absl::MutexLock lock(&mu_);
    use_listener_ = std::move(listener);
  }
  void SetEngineListener(EngineListener /*listener*/) override {}
  // Others use these devices from now on.
  void TellUses(ForeignUses uses) {
    UseListener listener;
    {
      absl::MutexLock lock(&mu_);
      listener = use_listener_;
    }
    listener(std::move(uses));
  }

  // Waits until this attempt (0: prepare) of the job is launched.
  LaunchRequest WaitForLaunch(const AttemptRef& attempt) {
    const auto launched = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return Find(attempt) != nullptr;
    };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&launched));
    return *Find(attempt);
  }

  // The process is gone.
  void End(ProcessEnd end) {
    Listener listener;
    {
      absl::MutexLock lock(&mu_);
      listener = listener_;
    }
    listener(std::move(end));
  }

  // All launches from now on fail.
  void FailLaunches(absl::Status why) {
    absl::MutexLock lock(&mu_);
    launch_error_ = std::move(why);
  }
  // Processes of an earlier life are alive.
  void AdoptAll() {
    absl::MutexLock lock(&mu_);
    adopts_ = true;
  }
  // Files stay from now on.
  void FailRemovals(absl::Status why) {
    absl::MutexLock lock(&mu_);
    remove_error_ = std::move(why);
  }
  // Waits until the files of this job were removed.
  void WaitForRemoval(const std::string& job_uid) {
    const auto removed = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return std::find(removed_.begin(), removed_.end(), job_uid) !=
             removed_.end();
    };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&removed));
  }
  std::vector<std::pair<AttemptRef, bool>> signals() const {
    absl::MutexLock lock(&mu_);
    return signals_;
  }

 private:
  const LaunchRequest* Find(const AttemptRef& attempt) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    for (auto launch = launched_.rbegin(); launch != launched_.rend();
         ++launch) {
      if (launch->attempt == attempt) return &*launch;
    }
    return nullptr;
  }

  const int cpu_slots_;
  mutable absl::Mutex mu_;
  Listener listener_ ABSL_GUARDED_BY(mu_);
  UseListener use_listener_ ABSL_GUARDED_BY(mu_);
  std::vector<LaunchRequest> launched_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<AttemptRef, bool>> signals_ ABSL_GUARDED_BY(mu_);
  absl::Status launch_error_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> removed_ ABSL_GUARDED_BY(mu_);
  absl::Status remove_error_ ABSL_GUARDED_BY(mu_);
  bool adopts_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_FAKE_LAUNCHER_H_
