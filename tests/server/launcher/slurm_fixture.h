#ifndef LOCKSTEP_TESTS_SERVER_LAUNCHER_SLURM_FIXTURE_H_
#define LOCKSTEP_TESTS_SERVER_LAUNCHER_SLURM_FIXTURE_H_

// A Slurm launcher with shell scripts in place of Slurm's programs: what they
// answer lies in files, and what they were asked in another. The real ones are
// asked in tests/acceptance/slurm_*_test.cc.

#include <sys/stat.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "server/launcher/slurm_launcher.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {

inline constexpr char kUid[] = "0123456789abcdef";
inline const AttemptRef kAttempt{"jobs/a", 1};

// Asked in words of a line; answers with NAME.out, NAME.err and NAME.rc.
inline constexpr char kSlurmProgram[] = R"sh(#!/bin/sh
here=$(dirname "$0"); name=$(basename "$0")
printf '%s' "$name" >> "$here/asked"
printf ' %s' "$@" >> "$here/asked"
echo >> "$here/asked"
[ -e "$here/$name.hangs" ] && exec sleep 600
[ -e "$here/$name.err" ] && cat "$here/$name.err" >&2
[ -e "$here/$name.out" ] && cat "$here/$name.out"
rc=$(cat "$here/$name.rc" 2>/dev/null)
[ -n "$rc" ] && exit "$rc"
exit 0
)sh";

class SlurmFixture : public ::testing::Test {
 protected:
  SlurmFixture() {
    for (const char* folder : {"bin", "state"}) {
      std::filesystem::create_directory(dir_.Path(folder));
    }
    for (const char* program :
         {"sbatch", "squeue", "scancel", "scontrol", "sinfo"}) {
      const std::string path = absl::StrCat("bin/", program);
      Write(path, kSlurmProgram);
      chmod(dir_.Path(path).c_str(), 0755);
    }
    Write("worker", "#!/bin/sh\n");
    chmod(dir_.Path("worker").c_str(), 0755);
    Write("state/slurm.nonce", "cafe0001\n");
    Write("bin/scontrol.out", "RequeueExit = (null)\n");
    Write("bin/sinfo.out", "n1|8|gpu:h200:4\nn2|8|gpu:h200:4\n");
    options_ = {.state_dir = dir_.Path("state"),
                .worker_path = dir_.Path("worker"),
                .coordinator = "lc:7000",
                .local_coordinator = "unix:/c.sock",
                .bin_dir = dir_.Path("bin"),
                .poll_interval = absl::Milliseconds(20),
                .command_timeout = absl::Seconds(10),
                .misses_until_gone = 3,
                .linger = absl::ZeroDuration(),
                .stray_after = absl::ZeroDuration(),
                .retry_interval = absl::ZeroDuration()};
  }

  void Write(const std::string& name, const std::string& text) const {
    // Whole or not at all: a script may be reading.
    std::ofstream(dir_.Path(name) + ".new") << text;
    std::filesystem::rename(dir_.Path(name) + ".new", dir_.Path(name));
  }
  void Remove(const std::string& name) const {
    std::filesystem::remove(dir_.Path(name));
  }
  std::string Asked() const {
    std::ostringstream text;
    text << std::ifstream(dir_.Path("bin/asked")).rdbuf();
    return text.str();
  }
  void Queue(const std::string& lines) const { Write("bin/squeue.out", lines); }
  void Refuse(const std::string& program, const std::string& err) const {
    Write("bin/" + program + ".err", err);
    Write("bin/" + program + ".rc", "1");
  }
  void Accept(const std::string& program) const {
    Remove("bin/" + program + ".err");
    Remove("bin/" + program + ".rc");
  }

  void Start() {
    auto launcher = SlurmLauncher::Start(options_);
    ASSERT_TRUE(launcher.ok()) << launcher.status();
    launcher_ = *std::move(launcher);
    launcher_->SetListener([this](ProcessEnd end) {
      absl::MutexLock lock(&mu_);
      ends_.push_back(std::move(end));
    });
    launcher_->SetEngineListener(
        [this](std::variant<EngineNews, EngineReach> said) {
          absl::MutexLock lock(&mu_);
          if (auto* news = std::get_if<EngineNews>(&said)) {
            news_.push_back(std::move(*news));
          } else {
            reaches_.push_back(std::get<EngineReach>(said));
          }
        });
  }

  LaunchRequest Request() const {
    LaunchRequest request{
        .attempt = kAttempt, .job_uid = kUid, .token = "secret"};
    request.spec.mutable_resources()->set_nodes(2);
    for (int rank = 0; rank < 4; ++rank) {
      v1::RankPlacement& placement = request.ranks.emplace_back();
      placement.set_rank(rank);
      placement.set_node("slurm");
      placement.set_device(absl::StrCat("slurm-cpu:", rank));
    }
    return request;
  }
  void Launch() {
    Write("bin/sbatch.out", "7\n");
    ASSERT_TRUE(launcher_->Launch(Request()).ok());
  }
  std::string Line(const std::string& state, const std::string& id = "7",
                   const std::string& reason = "None") const {
    return absl::StrCat(id, "|", state, "|1767225600|", kName, "|", reason,
                        "\n");
  }

  template <typename Item>
  Item Next(std::deque<Item>& items) {
    absl::MutexLock lock(&mu_);
    const auto some = [&]() { return !items.empty(); };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&some), absl::Seconds(60)))
        << Asked();
    if (items.empty()) return {};
    Item item = std::move(items.front());
    items.pop_front();
    return item;
  }
  ProcessEnd NextEnd() { return Next(ends_); }
  EngineNews NextNews() { return Next(news_); }
  EngineReach NextReach() { return Next(reaches_); }

  const std::string kName = "lockstep-cafe0001-0123456789ab-1";
  ScopedTempDir dir_;
  SlurmLauncherOptions options_;
  absl::Mutex mu_;
  std::deque<ProcessEnd> ends_ ABSL_GUARDED_BY(mu_);
  std::deque<EngineNews> news_ ABSL_GUARDED_BY(mu_);
  std::deque<EngineReach> reaches_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<SlurmLauncher> launcher_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_LAUNCHER_SLURM_FIXTURE_H_
