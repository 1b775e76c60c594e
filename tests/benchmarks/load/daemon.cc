#include "tests/benchmarks/load/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace lockstep::load {
namespace {

namespace fs = std::filesystem;

// With a hundred thousand jobs on a busy machine.
constexpr int kStartSeconds = 60;

std::string Program() {
  const char* bin = std::getenv("LOCKSTEP_BIN_DIR");
  return absl::StrCat(bin == nullptr ? "build/bin" : bin, "/lockstepd");
}

// Waits for the end of this process, nearly for free.
void WriteWorker(const std::string& path) {
  std::ofstream(path) << "#!/bin/sh\nexec tail -f /dev/null --pid=" << getpid()
                      << "\n";
  fs::permissions(path, fs::perms::owner_all);
}

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

void Die(const std::string& why) {
  std::fprintf(stderr, "load_benchmark: %s\n", why.c_str());
  std::exit(1);
}

Daemon::Daemon(int cpu_slots, Workers workers)
    : cpu_slots_(cpu_slots), workers_(workers) {
  // Beside the programs: the disk that is measured is not a memory disk.
  const char* parent = std::getenv("LOCKSTEP_LOAD_DIR");
  std::string pattern = absl::StrCat(parent == nullptr ? "/tmp" : parent,
                                     "/lockstep-load-XXXXXX");
  if (mkdtemp(pattern.data()) == nullptr) Die("no folder " + pattern);
  folder_ = pattern;
  WriteWorker(folder_ + "/worker");
  Start();
}

Daemon::~Daemon() {
  Kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Daemon::Start() {
  std::vector<std::string> words = {Program(),
                                    "--state-dir",
                                    state_dir(),
                                    "--listen",
                                    "unix:" + folder_ + "/sock",
                                    "--cpu-slots",
                                    absl::StrCat(cpu_slots_),
                                    "--metrics-address",
                                    "127.0.0.1:0"};
  if (workers_ == Workers::kPlayed) {
    // Its ranks are no trainers.
    for (const char* word : {"--hang-timeout", "10h", "--worker"}) {
      words.push_back(word);
    }
    words.push_back(folder_ + "/worker");
  }
  std::vector<char*> argv;
  for (const std::string& word : words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string log = folder_ + "/lockstepd.log";
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int error =
      posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) Die("cannot start " + Program());
  const auto jobs = v1::ClusterService::NewStub(Connect());
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(kStartSeconds));
  v1::ServerInfo info;
  if (!jobs->GetServerInfo(&context, v1::GetServerInfoRequest(), &info).ok()) {
    Die("lockstepd does not answer:\n" + ReadAll(log));
  }
  metrics_url_ = info.metrics_address();
}

void Daemon::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Duration Daemon::KillAndRestart() {
  Kill();
  const absl::Time begin = absl::Now();
  Start();
  return absl::Now() - begin;
}

std::shared_ptr<grpc::Channel> Daemon::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A daemon that starts is asked again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 10);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", folder_, "/sock"),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

absl::Duration Daemon::CpuTime() const {
  const std::string stat = ReadAll(absl::StrCat("/proc/", pid_, "/stat"));
  // Fields 14 and 15, counted behind the name, which is field 2.
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return absl::Seconds(1) * (user + system) / sysconf(_SC_CLK_TCK);
}

double Daemon::RssMegabytes() const {
  std::ifstream statm(absl::StrCat("/proc/", pid_, "/statm"));
  int64_t size = 0;
  int64_t resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace lockstep::load
