#include "worker/prepare/prepare_limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;
// A byte of text may be a token (4 bytes, and 1 for its mask), held twice while
// vectors grow; short rows have a hundred bytes each of their own.
constexpr int64_t kMemoryPerDataByte = 32;
// A vocabulary is a tree of values first, then several hash tables.
constexpr int64_t kMemoryPerTokenizerByte = 64;
// What the template adds to a short row may be many times the row.
constexpr int64_t kCachePerDataByte = 64;
constexpr int64_t kLeastCpuSeconds = 300;
// Rows go through template and tokenizer at 1 MiB a second and thread; bad ones
// at a tenth of it.
constexpr int64_t kCpuSecondsPerDataMiB = 30;
// Weights are hashed, at 200 MiB a second without help of the processor.
constexpr int64_t kWeightBytesPerCpuSecond = 50 * kMiB;
// The time between the signal that can be explained and the one that cannot be
// caught.
constexpr int64_t kCpuGraceSeconds = 10;
// A model may have hundreds of shards, all open at once.
constexpr int64_t kOpenFiles = 4096;

int64_t SizeOf(const std::string& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

int64_t DataBytes(const v1::DataSpec& data) {
  int64_t bytes = data.has_eval() ? SizeOf(data.eval().path()) : 0;
  for (const v1::DataSource& source : data.train()) {
    bytes += SizeOf(source.path());
  }
  return bytes;
}

int64_t WeightBytes(const std::string& model_dir) {
  int64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator entry(model_dir, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path().string();
    if (absl::EndsWith(path, ".safetensors")) bytes += SizeOf(path);
  }
  return bytes;
}

// What RLIMIT_DATA counts, of this process: private writable memory.
int64_t DataMemoryNow() {
  int64_t pages[6] = {};
  std::ifstream statm("/proc/self/statm");
  for (int64_t& value : pages) statm >> value;
  return pages[5] * sysconf(_SC_PAGESIZE);
}

// Never above what the parent process may have itself.
absl::Status Lower(decltype(RLIMIT_DATA) resource, const char* name,
                   int64_t soft, int64_t hard) {
  rlimit limit = {};
  int failed = getrlimit(resource, &limit);
  if (failed == 0) {
    limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(hard));
    limit.rlim_cur = std::min(limit.rlim_max, static_cast<rlim_t>(soft));
    failed = setrlimit(resource, &limit);
  }
  if (failed == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, absl::StrCat("set to ", soft), name);
}

}  // namespace

PrepareLimits LimitsFor(const v1::JobSpec& spec) {
  const std::string& model = spec.model().path();
  const int64_t data = DataBytes(spec.data());
  const int64_t tokenizer = SizeOf(JoinPath(model, "tokenizer.json"));
  PrepareLimits limits;
  limits.memory_bytes =
      kGiB + data * kMemoryPerDataByte + tokenizer * kMemoryPerTokenizerByte;
  limits.cpu_seconds = kLeastCpuSeconds + data / kMiB * kCpuSecondsPerDataMiB +
                       WeightBytes(model) / kWeightBytesPerCpuSecond;
  limits.file_bytes = kGiB + data * kCachePerDataByte;
  return limits;
}

absl::Status ApplyLimits(const PrepareLimits& limits) {
  const int64_t memory = DataMemoryNow() + limits.memory_bytes;
  RETURN_IF_ERROR(Lower(RLIMIT_DATA, "RLIMIT_DATA", memory, memory));
  RETURN_IF_ERROR(Lower(RLIMIT_CPU, "RLIMIT_CPU", limits.cpu_seconds,
                        limits.cpu_seconds + kCpuGraceSeconds));
  RETURN_IF_ERROR(Lower(RLIMIT_FSIZE, "RLIMIT_FSIZE", limits.file_bytes,
                        limits.file_bytes));
  RETURN_IF_ERROR(
      Lower(RLIMIT_NOFILE, "RLIMIT_NOFILE", kOpenFiles, kOpenFiles));
  return Lower(RLIMIT_CORE, "RLIMIT_CORE", 0, 0);
}

}  // namespace lockstep
