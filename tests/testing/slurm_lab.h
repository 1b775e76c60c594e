#ifndef LOCKSTEP_TESTS_TESTING_SLURM_LAB_H_
#define LOCKSTEP_TESTS_TESTING_SLURM_LAB_H_

// A real Slurm of several hosts on this machine: each host is a network
// namespace with a name of its own, on one bridge. lc (10.77.0.1) runs
// slurmctld, ln1 (10.77.0.11), ln2, ... run slurmd. Labs do not see each other,
// so several can be up. Needs root, and Slurm's programs (LOCKSTEP_SLURM, which
// deploy/toolchain/install.sh unpacks; nothing of it is installed).
//
// Of GPUs there are stand-ins, four a host. Two partitions: train, and urgent,
// whose jobs take nodes of train away after a grace time.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/process.h"

namespace lockstep::testing {

class SlurmLab {
 public:
  struct Options {
    int hosts = 2;
    int cpus = 8;
    // From the request to make room to the kill of a job of train.
    int grace_seconds = 30;
    // More lines of slurm.conf.
    std::string more_config = {};
  };

  // Why no lab can be raised here; empty when one can.
  static std::string WhyNot();

  // Up when it returns: all hosts are idle. Fails the test otherwise.
  explicit SlurmLab(const Options& options);
  // Nothing of it is left, its jobs' processes among that.
  ~SlurmLab();
  SlurmLab(const SlurmLab&) = delete;
  SlurmLab& operator=(const SlurmLab&) = delete;

  static std::string ControllerAddress() { return "10.77.0.1"; }
  // How long it took until all hosts were idle.
  absl::Duration raised_in() const { return raised_in_; }
  // Slurm's programs, for --slurm-bin.
  std::string bin_dir() const { return dir_ + "/bin"; }

  // What goes before a command line so that it runs on this host.
  std::vector<std::string> On(const std::string& host) const;
  // One of Slurm's programs on lc.
  RunResult Slurm(std::vector<std::string> words) const;
  // State of a job by name: RUNNING, ...; the newest of them; empty: none.
  std::string StateOf(const std::string& name) const;
  // Nothing of it runs or waits, or will within the time.
  bool IsGone(const std::string& name, int seconds = 30) const;
  // Names of all jobs that Slurm remembers, a line each.
  std::string JobNames() const;

  // When slurmctld last saved what it knows of jobs.
  std::filesystem::file_time_type JobsSavedAt() const;

  void KillController();
  void StartController();
  // slurmd and all that runs on the host, as when its power fails.
  void KillHost(int host);
  void StartHost(int host);
  // slurmd and all that runs on the host stand still, and go on.
  void FreezeHost(int host);
  void ThawHost(int host);
  void CutCable(int host);
  void MendCable(int host);

  // Whether this becomes so within the time; looked at again and again.
  template <typename Condition>
  bool Becomes(Condition condition, int seconds = 30) const {
    for (int i = 0; i < seconds * 10; ++i) {
      if (condition()) return true;
      Pause();
    }
    return false;
  }

  // What its daemons said.
  std::string Logs() const;

 private:
  std::string HostName(int host) const { return "ln" + std::to_string(host); }
  std::string Namespace(const std::string& host) const;
  std::string Root(const std::string& path) const { return slurm_dir_ + path; }
  void AddHost(int host);
  void WriteConfig(const Options& options);
  void WriteWrappers();
  Environment DaemonEnvironment() const;
  std::unique_ptr<BackgroundProcess> StartDaemon(
      const std::string& host, std::vector<std::string> words) const;
  void SignalAllOn(const std::string& host, int signal) const;
  static void Pause();

  const std::string slurm_dir_;
  std::string dir_;
  // Of the namespaces: those of other labs have others.
  std::string tag_;
  const int hosts_;
  absl::Duration raised_in_;
  std::unique_ptr<BackgroundProcess> munged_;
  std::unique_ptr<BackgroundProcess> controller_;
  std::vector<std::unique_ptr<BackgroundProcess>> nodes_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_SLURM_LAB_H_
