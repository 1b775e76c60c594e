#include "server/cache_sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "server/server_log.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kBetweenSweeps = absl::Hours(1);
// As worker/prepare/cache_folder.cc calls what is not whole.
constexpr char kTemporary[] = ".tmp";

// Takes its name from it if it was not used since; where it lies then.
std::optional<fs::path> Retire(const fs::path& cache, absl::Time since) {
  const int fd = open(cache.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  // Who has it now uses it.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  struct stat is {};
  struct stat named {};
  if (fstat(fd, &is) != 0 || stat(cache.c_str(), &named) != 0 ||
      is.st_ino != named.st_ino ||
      absl::TimeFromTimespec(is.st_mtim) >= since) {
    return std::nullopt;
  }
  fs::path retired = cache.string() + ".unused" + kTemporary;
  std::error_code error;
  fs::rename(cache, retired, error);
  if (error) return std::nullopt;
  return retired;
}

}  // namespace

std::vector<std::string> RemoveUnusedCaches(const std::string& cache_dir,
                                            const std::set<std::string>& in_use,
                                            absl::Time since) {
  std::vector<std::string> removed;
  std::error_code error;
  fs::directory_iterator entry(cache_dir, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path cache = entry->path();
    if (cache.extension() == kTemporary || in_use.contains(cache.filename())) {
      continue;
    }
    const std::optional<fs::path> retired = Retire(cache, since);
    if (!retired.has_value()) continue;
    std::error_code left;
    fs::remove_all(*retired, left);
    if (!left) removed.push_back(cache);
  }
  return removed;
}

CacheSweep::CacheSweep(std::string cache_dir, absl::Duration keep,
                       const Clock& clock, const JobStore& store)
    : cache_dir_(std::move(cache_dir)),
      keep_(keep),
      clock_(clock),
      store_(store),
      thread_([this] { Run(); }) {}

CacheSweep::~CacheSweep() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void CacheSweep::Run() {
  while (true) {
    Sweep();
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&stopping_), kBetweenSweeps)) {
      return;
    }
  }
}

void CacheSweep::Sweep() const {
  // Before the look at the jobs: one that is prepared after that has just used
  // its cache.
  const absl::Time since = clock_.WallTime() - keep_;
  std::set<std::string> in_use;
  bool preparing = false;
  ListJobsQuery all;
  all.page_size = std::numeric_limits<int>::max();
  all.matches = [&](const v1::Job& job) {
    preparing |= job.state() == v1::Job::PREPARING;
    if (!IsTerminal(job.state()) && job.has_plan()) {
      in_use.insert(fs::path(job.plan().token_cache()).filename());
    }
    return false;
  };
  // One that is being prepared may have found its cache long ago, and has not
  // come to say so: another time.
  if (!store_.List(all).ok() || preparing) return;
  for (const std::string& cache :
       RemoveUnusedCaches(cache_dir_, in_use, since)) {
    Log({.source = "lockstepd",
         .message = absl::StrCat("removed the token cache ", cache,
                                 ", which nobody has used for ",
                                 absl::FormatDuration(keep_)),
         .fields = {}});
  }
}

}  // namespace lockstep
