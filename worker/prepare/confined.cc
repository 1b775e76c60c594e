#include "worker/prepare/confined.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/printable.h"
#include "worker/io/file.h"
#include "worker/prepare/system_calls.h"

namespace lockstep {
namespace {

// A plan takes a few hundred bytes, an error a few thousand.
constexpr size_t kMostReportBytes = 1 << 20;

// A page that both processes see: what the child is reading. It is written
// from one thread, and read when that has ended.
class Place {
 public:
  static Place* Make() {
    void* page = mmap(nullptr, sizeof(Place), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? nullptr : new (page) Place;
  }

  void Set(const std::string& place) {
    const size_t size = std::min(place.size(), sizeof(text_) - 1);
    std::memcpy(text_, place.data(), size);
    text_[size] = '\0';
  }
  std::string Get() const { return {text_, strnlen(text_, sizeof(text_))}; }

 private:
  Place() : text_("the job's spec") {}
  char text_[4096];
};

[[noreturn]] void EndForMemory() { _exit(kOutOfMemory); }

// Threads are refused when there is no memory for their stacks.
PrepareOutcome RunCatching(const std::function<PrepareOutcome(TellPlace)>& work,
                           Place* place) {
  try {
    return work([place](const std::string& now) { place->Set(now); });
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again) {
      EndForMemory();
    }
    return OutcomeOf(absl::InternalError(error.what()));
  } catch (const std::exception& error) {
    return OutcomeOf(absl::InternalError(error.what()));
  }
}

[[noreturn]] void Child(const PrepareLimits& limits,
                        const std::function<PrepareOutcome(TellPlace)>& work,
                        Place* place, int report_fd) {
  // An allocation that fails ends the child: it has no memory to explain it,
  // and its parent can.
  std::set_new_handler(EndForMemory);
  signal(SIGXCPU, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  const absl::Status limited = ApplyLimits(limits);
  const absl::Status forbidden = ForbidSystemCalls();
  if (!forbidden.ok()) {
    std::cerr << "warning: prepare reads the input without a system call "
                 "filter: "
              << forbidden.message() << "\n";
  }
  const PrepareOutcome outcome =
      limited.ok() ? RunCatching(work, place)
                   : OutcomeOf(absl::InternalError(limited.message()));
  const absl::Status written = WriteBytes(
      report_fd, outcome.report.SerializeAsString(), "pipe to the parent");
  _exit(written.ok() ? outcome.exit_code : kFailure);
}

// To the end of the pipe, or to more than there can honestly be.
std::string ReadAll(int fd) {
  std::string all;
  char block[4096];
  while (all.size() <= kMostReportBytes) {
    const ssize_t got = read(fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    all.append(block, static_cast<size_t>(got));
  }
  return all;
}

std::string InMiB(int64_t bytes) { return absl::StrCat(bytes >> 20, " MiB"); }

struct End {
  v1::Attempt::EndCause cause;
  int exit_code;
  std::string how;
};

End EndOf(int wait_status, const rusage& used, const PrepareLimits& limits) {
  if (WIFEXITED(wait_status)) {
    const int code = WEXITSTATUS(wait_status);
    if (code == kOutOfMemory) {
      return {v1::Attempt::HOST_OUT_OF_MEMORY, kOutOfMemory,
              absl::StrCat("more memory is asked for than the ",
                           InMiB(limits.memory_bytes),
                           " that prepare has for this job")};
    }
    return {v1::Attempt::WORKER_CRASH, kFailure,
            absl::StrCat("prepare ended with exit code ", code,
                         " and said nothing")};
  }
  const int signal = WTERMSIG(wait_status);
  // The second signal of the same limit cannot be told from any other kill.
  const bool time_is_up =
      signal == SIGKILL &&
      used.ru_utime.tv_sec + used.ru_stime.tv_sec >= limits.cpu_seconds;
  if (signal == SIGXCPU || time_is_up) {
    return {v1::Attempt::INVALID_INPUT, kInvalidInput,
            absl::StrCat("more than ", limits.cpu_seconds,
                         " seconds of processor time are used, which prepare "
                         "has for this job")};
  }
  if (signal == SIGXFSZ) {
    return {v1::Attempt::INVALID_INPUT, kInvalidInput,
            absl::StrCat("a file grows beyond ", InMiB(limits.file_bytes),
                         ", the most that prepare writes for this job")};
  }
  return {v1::Attempt::WORKER_CRASH, kFailure,
          absl::StrCat("prepare was ended by signal ", signal, " (",
                       strsignal(signal), ")")};
}

Confined Disorderly(const End& end, const std::string& place) {
  Confined confined;
  v1::JobError& error = *confined.outcome.report.mutable_error();
  error.set_reason(v1::Attempt::EndCause_Name(end.cause));
  error.set_message(Printable(absl::StrCat(place, ": ", end.how)));
  confined.outcome.exit_code = end.exit_code;
  return confined;
}

Confined Failed(const char* what) {
  return {OutcomeOf(absl::InternalError(
              absl::StrCat("cannot ", what, ": ", std::strerror(errno)))),
          /*orderly=*/true};
}

Confined Collect(pid_t child, int report_fd, const PrepareLimits& limits,
                 const Place& place) {
  const std::string bytes = ReadAll(report_fd);
  close(report_fd);  // One that goes on writing is ended by it.
  int wait_status = 0;
  rusage used = {};
  while (wait4(child, &wait_status, 0, &used) < 0 && errno == EINTR) {
  }
  std::cerr << "prepare used " << used.ru_utime.tv_sec + used.ru_stime.tv_sec
            << " s of processor time and " << InMiB(used.ru_maxrss << 10)
            << " of memory at most\n";
  Confined confined;
  confined.orderly =
      WIFEXITED(wait_status) && bytes.size() <= kMostReportBytes &&
      confined.outcome.report.ParseFromString(bytes) &&
      confined.outcome.report.has_plan() !=
          confined.outcome.report.has_error() &&
      confined.outcome.report.has_plan() == (WEXITSTATUS(wait_status) == kOk);
  if (!confined.orderly) {
    return Disorderly(EndOf(wait_status, used, limits), place.Get());
  }
  confined.outcome.exit_code = WEXITSTATUS(wait_status);
  return confined;
}

}  // namespace

Confined RunConfined(const PrepareLimits& limits,
                     const std::function<PrepareOutcome(TellPlace)>& work) {
  Place* const place = Place::Make();
  if (place == nullptr) return Failed("map a page");
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return Failed("make a pipe");
  const pid_t child = fork();
  if (child < 0) return Failed("fork");
  if (child == 0) {
    close(report[0]);
    Child(limits, work, place, report[1]);
  }
  close(report[1]);
  Confined confined = Collect(child, report[0], limits, *place);
  munmap(place, sizeof(Place));
  return confined;
}

}  // namespace lockstep
