#include "tests/testing/slurm_lab.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kController[] = "lc";
constexpr int kGpusPerHost = 4;

std::string SlurmDir() {
  const char* value = getenv("LOCKSTEP_SLURM");
  return value == nullptr ? "" : value;
}

// Fails the test when it does.
void Must(const std::vector<std::string>& words) {
  const RunResult result = RunProgram(words);
  ASSERT_EQ(result.exit_code, 0)
      << words[0] << " " << words.back() << ": " << result.err;
}

std::vector<std::string> Words(const std::string& line) {
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

// Any character device whose name ends with a number will do.
void MakeStandIns(const std::string& folder) {
  for (int gpu = 0; gpu < kGpusPerHost; ++gpu) {
    ASSERT_EQ(mknod(absl::StrCat(folder, "/nvidia", gpu).c_str(),
                    S_IFCHR | 0600, makedev(1, 3)),
              0);
  }
}

}  // namespace

std::string SlurmLab::WhyNot() {
  if (geteuid() != 0) return "only root can raise a Slurm of several hosts";
  if (!fs::exists(SlurmDir() + "/usr/sbin/slurmctld-wlm")) {
    return "LOCKSTEP_SLURM names no folder with Slurm's programs";
  }
  const std::string probe = absl::StrCat("lockstep-probe-", getpid());
  if (RunProgram({"ip", "netns", "add", probe}).exit_code != 0) {
    return "network namespaces cannot be made here";
  }
  RunProgram({"ip", "netns", "del", probe});
  return "";
}

SlurmLab::SlurmLab(const Options& options)
    : slurm_dir_(SlurmDir()), hosts_(options.hosts) {
  const absl::Time begin = absl::Now();
  // Short, since sockets lie in it.
  std::string pattern = "/tmp/slurm-lab-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr) << pattern;
  dir_ = pattern;
  tag_ = pattern.substr(pattern.rfind('-') + 1);
  for (const char* folder : {"state", "log", "run", "gpu", "bin"}) {
    fs::create_directories(absl::StrCat(dir_, "/", folder));
  }
  MakeStandIns(dir_ + "/gpu");
  WriteConfig(options);
  WriteWrappers();
  const std::string lc = Namespace(kController);
  Must({"ip", "netns", "add", lc});
  for (const char* line :
       {"link set lo up", "link add br0 type bridge",
        "addr add 10.77.0.1/24 dev br0", "link set br0 up"}) {
    std::vector<std::string> words = {"ip", "-n", lc};
    for (const std::string& word : Words(line)) words.push_back(word);
    Must(words);
  }
  for (int host = 1; host <= hosts_; ++host) AddHost(host);
  WriteFile(dir_ + "/munge.key", std::string(128, 'k'));
  chmod((dir_ + "/munge.key").c_str(), 0600);
  munged_ = StartDaemon(
      kController, {Root("/usr/sbin/munged"), "-F", "-f", "--num-threads=2",
                    absl::StrCat("--socket=", dir_, "/run/munge.sock"),
                    absl::StrCat("--key-file=", dir_, "/munge.key"),
                    absl::StrCat("--log-file=", dir_, "/log/munge.log"),
                    absl::StrCat("--pid-file=", dir_, "/run/munge.pid"),
                    absl::StrCat("--seed-file=", dir_, "/run/munge.seed")});
  EXPECT_TRUE(Becomes([this] { return fs::exists(dir_ + "/run/munge.sock"); }))
      << Logs();
  StartController();
  nodes_.resize(hosts_ + 1);
  for (int host = 1; host <= hosts_; ++host) StartHost(host);
  EXPECT_TRUE(Becomes([this] {
    const std::string states =
        Slurm({"sinfo", "--noheader", "--Node", "--format=%N %T"}).out;
    for (int host = 1; host <= hosts_; ++host) {
      if (!absl::StrContains(states, HostName(host) + " idle")) return false;
    }
    return true;
  })) << Logs();
  raised_in_ = absl::Now() - begin;
}

SlurmLab::~SlurmLab() {
  for (int host = 1; host <= hosts_; ++host) {
    SignalAllOn(HostName(host), SIGKILL);
  }
  SignalAllOn(kController, SIGKILL);
  nodes_.clear();
  controller_.reset();
  munged_.reset();
  for (int host = 1; host <= hosts_; ++host) {
    RunProgram({"ip", "netns", "del", Namespace(HostName(host))});
  }
  RunProgram({"ip", "netns", "del", Namespace(kController)});
  std::error_code ignored;
  if (!::testing::Test::HasFailure()) fs::remove_all(dir_, ignored);
}

std::string SlurmLab::Namespace(const std::string& host) const {
  return absl::StrCat("lockstep-", tag_, "-", host);
}

void SlurmLab::AddHost(int host) {
  const std::string lc = Namespace(kController);
  const std::string ns = Namespace(HostName(host));
  const std::string cable = absl::StrCat("v", host);
  Must({"ip", "netns", "add", ns});
  Must({"ip", "-n", lc, "link", "add", cable, "type", "veth", "peer", "name",
        "eth0", "netns", ns});
  Must({"ip", "-n", lc, "link", "set", cable, "master", "br0", "up"});
  Must({"ip", "-n", ns, "link", "set", "lo", "up"});
  Must({"ip", "-n", ns, "addr", "add",
        absl::StrCat("10.77.0.", 10 + host, "/24"), "dev", "eth0"});
  Must({"ip", "-n", ns, "link", "set", "eth0", "up"});
  fs::create_directories(absl::StrCat(dir_, "/spool-", HostName(host)));
}

void SlurmLab::WriteConfig(const Options& options) {
  std::string hosts = "127.0.0.1 localhost\n10.77.0.1 lc\n";
  for (int host = 1; host <= hosts_; ++host) {
    absl::StrAppend(&hosts, "10.77.0.", 10 + host, " ", HostName(host), "\n");
  }
  WriteFile(dir_ + "/hosts", hosts);
  const std::string all = absl::StrCat("ln[1-", hosts_, "]");
  WriteFile(dir_ + "/gres.conf",
            absl::StrCat("NodeName=", all, " Name=gpu Type=fake File=", dir_,
                         "/gpu/nvidia[0-", kGpusPerHost - 1, "]\n"));
  // Where there are no old cgroups slurmd would ask systemd for new ones.
  WriteFile(dir_ + "/cgroup.conf", "IgnoreSystemd=yes\n");
  constexpr char kConfig[] = R"(ClusterName=lab
SlurmctldHost=lc(10.77.0.1)
SlurmUser=root
PluginDir=$SLURM/usr/lib/x86_64-linux-gnu/slurm-wlm
AuthInfo=socket=$DIR/run/munge.sock
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool-%n
SlurmctldPidFile=$DIR/run/ctld.pid
SlurmdPidFile=$DIR/run/%n.pid
SlurmctldLogFile=$DIR/log/ctld.log
SlurmdLogFile=$DIR/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=20
KillWait=10
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName=$ALL CPUs=$CPUS CoresPerSocket=$CPUS RealMemory=2000 Gres=gpu:fake:4
PartitionName=train Nodes=ALL Default=YES PriorityTier=1 GraceTime=$GRACE
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF
)";
  WriteFile(dir_ + "/slurm.conf",
            absl::StrReplaceAll(
                kConfig, {{"$SLURM", slurm_dir_},
                          {"$DIR", dir_},
                          {"$ALL", all},
                          {"$CPUS", absl::StrCat(options.cpus)},
                          {"$GRACE", absl::StrCat(options.grace_seconds)}}) +
                options.more_config);
}

Environment SlurmLab::DaemonEnvironment() const {
  const std::string lib = Root("/usr/lib/x86_64-linux-gnu");
  return {{"SLURM_CONF", dir_ + "/slurm.conf"},
          {"LD_LIBRARY_PATH", lib + "/slurm-wlm:" + lib}};
}

// The programs find their libraries and this lab, whoever calls them. Daemons
// know what they are by the name that they are called by, and no other than
// Slurm's own will do: slurmctld-wlm takes itself for a client, without GPUs.
void SlurmLab::WriteWrappers() {
  for (const char* daemon : {"slurmctld", "slurmd", "slurmstepd"}) {
    fs::create_symlink(Root(absl::StrCat("/usr/sbin/", daemon, "-wlm")),
                       absl::StrCat(dir_, "/bin/", daemon));
  }
  const Environment environment = DaemonEnvironment();
  for (const char* program :
       {"sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun"}) {
    const std::string path = absl::StrCat(dir_, "/bin/", program);
    WriteFile(path, absl::StrCat(
                        "#!/bin/sh\nSLURM_CONF=", environment.at("SLURM_CONF"),
                        " LD_LIBRARY_PATH=", environment.at("LD_LIBRARY_PATH"),
                        " exec ", Root("/usr/bin/"), program, " \"$@\"\n"));
    chmod(path.c_str(), 0755);
  }
}

// Not `ip netns exec`, which mounts /sys anew and hides the cgroups.
std::vector<std::string> SlurmLab::On(const std::string& host) const {
  static constexpr char kEnter[] =
      "hostname \"$1\" && mount --bind \"$2\" /etc/hosts && shift 2 && "
      "exec \"$@\"";
  return {"nsenter",      absl::StrCat("--net=/run/netns/", Namespace(host)),
          "unshare",      "--uts",
          "--mount",      "sh",
          "-c",           kEnter,
          "sh",           host,
          dir_ + "/hosts"};
}

std::unique_ptr<BackgroundProcess> SlurmLab::StartDaemon(
    const std::string& host, std::vector<std::string> words) const {
  std::vector<std::string> all = On(host);
  all.insert(all.end(), words.begin(), words.end());
  return std::make_unique<BackgroundProcess>(
      all, DaemonEnvironment(), absl::StrCat(dir_, "/log/", host, ".out"));
}

void SlurmLab::StartController() {
  controller_ = StartDaemon(kController, {bin_dir() + "/slurmctld", "-D"});
}

void SlurmLab::KillController() { controller_.reset(); }

void SlurmLab::StartHost(int host) {
  nodes_[host] = StartDaemon(
      HostName(host), {bin_dir() + "/slurmd", "-D", "-N", HostName(host), "-d",
                       bin_dir() + "/slurmstepd"});
}

void SlurmLab::KillHost(int host) {
  SignalAllOn(HostName(host), SIGKILL);
  nodes_[host].reset();
}

void SlurmLab::FreezeHost(int host) { SignalAllOn(HostName(host), SIGSTOP); }

void SlurmLab::ThawHost(int host) { SignalAllOn(HostName(host), SIGCONT); }

void SlurmLab::SignalAllOn(const std::string& host, int signal) const {
  std::istringstream pids(
      RunProgram({"ip", "netns", "pids", Namespace(host)}).out);
  for (pid_t pid = 0; pids >> pid;) kill(pid, signal);
}

void SlurmLab::CutCable(int host) {
  Must({"ip", "-n", Namespace(kController), "link", "set",
        absl::StrCat("v", host), "down"});
}

void SlurmLab::MendCable(int host) {
  Must({"ip", "-n", Namespace(kController), "link", "set",
        absl::StrCat("v", host), "up"});
}

RunResult SlurmLab::Slurm(std::vector<std::string> words) const {
  words[0] = bin_dir() + "/" + words[0];
  std::vector<std::string> all = On(kController);
  all.insert(all.end(), words.begin(), words.end());
  return RunProgram(all);
}

std::string SlurmLab::StateOf(const std::string& name) const {
  const std::string lines =
      Slurm({"squeue", "--noheader", "--states=all", "--name=" + name,
             "--sort=-i", "--format=%T"})
          .out;
  return lines.substr(0, lines.find('\n'));
}

bool SlurmLab::IsGone(const std::string& name, int seconds) const {
  return Becomes(
      [&] {
        const std::string state = StateOf(name);
        return state.empty() || state == "CANCELLED" || state == "FAILED" ||
               state == "COMPLETED";
      },
      seconds);
}

std::string SlurmLab::JobNames() const {
  return Slurm({"squeue", "--noheader", "--states=all", "--format=%j"}).out;
}

fs::file_time_type SlurmLab::JobsSavedAt() const {
  std::error_code ignored;
  return fs::last_write_time(dir_ + "/state/job_state", ignored);
}

std::string SlurmLab::Logs() const {
  std::string all;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(dir_ + "/log")) {
    absl::StrAppend(&all, "--- ", entry.path().filename().string(), "\n",
                    ReadFile(entry.path().string()));
  }
  return all;
}

void SlurmLab::Pause() {
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

}  // namespace lockstep::testing
