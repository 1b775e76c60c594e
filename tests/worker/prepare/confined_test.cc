// Work that goes wrong in every way: the parent goes on and can say how and
// where it ended.

#include "worker/prepare/confined.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "tests/testing/temp_dir.h"
#include "worker/prepare/system_calls.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr PrepareLimits kLimits = {
    .memory_bytes = 64 << 20, .cpu_seconds = 600, .file_bytes = 1 << 20};

PrepareOutcome Said(const std::string& text) {
  return OutcomeOf(absl::InvalidArgumentError(text));
}

// The error of work that never gets to its end.
v1::JobError ErrorOf(const std::function<void()>& work,
                     PrepareLimits limits = kLimits) {
  const Confined confined = RunConfined(limits, [&](const TellPlace& at) {
    at("data.train[0]: /d/a.jsonl:7");
    work();
    return Said("the work came to its end");
  });
  EXPECT_FALSE(confined.orderly);
  EXPECT_NE(confined.outcome.exit_code, kOk);
  EXPECT_THAT(confined.outcome.report.error().message(),
              StartsWith("data.train[0]: /d/a.jsonl:7: "));
  return confined.outcome.report.error();
}

TEST(ConfinedTest, APlanComesThrough) {
  const Confined confined = RunConfined(kLimits, [](const TellPlace&) {
    v1::Plan plan;
    plan.set_rows(28);
    return OutcomeOf(plan);
  });

  EXPECT_TRUE(confined.orderly);
  EXPECT_EQ(confined.outcome.exit_code, kOk);
  EXPECT_EQ(confined.outcome.report.plan().rows(), 28);
}

TEST(ConfinedTest, AnErrorComesThroughWithItsExitCode) {
  const Confined confined =
      RunConfined(kLimits, [](const TellPlace&) { return Said("bad row"); });

  EXPECT_TRUE(confined.orderly);
  EXPECT_EQ(confined.outcome.exit_code, kInvalidInput);
  EXPECT_EQ(confined.outcome.report.error().message(), "bad row");
}

// AddressSanitizer ends a program that gets no memory before it can say so.
#ifndef __SANITIZE_ADDRESS__
TEST(ConfinedTest, MemoryWithoutEnd) {
  const v1::JobError error = ErrorOf([] {
    std::vector<std::string> all;
    while (true) all.emplace_back(1 << 20, 'x');
  });

  EXPECT_EQ(error.reason(), "HOST_OUT_OF_MEMORY");
  EXPECT_THAT(error.message(), HasSubstr("than the 64 MiB"));
}

TEST(ConfinedTest, AThreadThatGetsNoStack) {
  const v1::JobError error = ErrorOf([] {
    std::vector<std::unique_ptr<std::thread>> all;
    while (true) {
      all.push_back(std::make_unique<std::thread>([] { pause(); }));
      all.back()->detach();
    }
  });

  EXPECT_EQ(error.reason(), "HOST_OUT_OF_MEMORY");
}

#endif

TEST(ConfinedTest, TimeWithoutEnd) {
  PrepareLimits limits = kLimits;
  limits.cpu_seconds = 1;

  const v1::JobError error = ErrorOf(
      [] {
        while (getppid() != 0) {
        }
      },
      limits);

  EXPECT_EQ(error.reason(), "INVALID_INPUT");
  EXPECT_THAT(error.message(), HasSubstr("more than 1 seconds of processor"));
}

TEST(ConfinedTest, AFileWithoutEnd) {
  const ScopedTempDir dir;

  const v1::JobError error = ErrorOf([&dir] {
    const std::string block(1 << 16, 'x');
    const int fd = open(dir.Path("f").c_str(), O_WRONLY | O_CREAT, 0600);
    while (write(fd, block.data(), block.size()) > 0) {
    }
  });

  EXPECT_EQ(error.reason(), "INVALID_INPUT");
  EXPECT_THAT(error.message(), HasSubstr("a file grows beyond 1 MiB"));
}

TEST(ConfinedTest, ACrash) {
  const v1::JobError error = ErrorOf([] {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  });

  EXPECT_EQ(error.reason(), "WORKER_CRASH");
  EXPECT_THAT(error.message(), HasSubstr("signal 11 (Segmentation fault)"));
}

TEST(ConfinedTest, AnExitThatSaysNothing) {
  EXPECT_THAT(ErrorOf([] { _exit(3); }).message(),
              HasSubstr("exit code 3 and said nothing"));
}

// Even one that claims success.
TEST(ConfinedTest, AnExitThatClaimsSuccess) {
  EXPECT_EQ(ErrorOf([] { _exit(kOk); }).reason(), "WORKER_CRASH");
}

TEST(ConfinedTest, AReportLongerThanThereCanBe) {
  const Confined confined = RunConfined(kLimits, [](const TellPlace& at) {
    at("here");
    PrepareOutcome outcome = Said("");
    outcome.report.mutable_error()->set_message(std::string(2 << 20, 'x'));
    return outcome;
  });

  EXPECT_FALSE(confined.orderly);
  EXPECT_THAT(confined.outcome.report.error().message(), StartsWith("here: "));
}

TEST(ConfinedTest, AnExceptionIsAnError) {
  const Confined confined =
      RunConfined(kLimits, [](const TellPlace&) -> PrepareOutcome {
        throw std::runtime_error("thrown");
      });

  EXPECT_TRUE(confined.orderly);
  EXPECT_EQ(confined.outcome.report.error().reason(), "WORKER_CRASH");
  EXPECT_EQ(confined.outcome.report.error().message(), "thrown");
}

TEST(ConfinedTest, ThereIsNoNetworkAndNoOtherProgram) {
  const pid_t parent = getpid();
  const Confined confined = RunConfined(kLimits, [&](const TellPlace&) {
    std::string errors;
    const auto note = [&](int result) {
      absl::StrAppend(&errors, result, " ", std::strerror(errno), "; ");
    };
    note(socket(AF_INET, SOCK_STREAM, 0));
    note(socket(AF_UNIX, SOCK_STREAM, 0));
    char program[] = "/bin/true";
    char* const argv[] = {program, nullptr};
    note(execv(program, argv));
    note(kill(parent, SIGTERM));
    return Said(errors);
  });

  const std::string denied = "-1 Operation not permitted; ";
  EXPECT_EQ(confined.outcome.report.error().message(),
            denied + denied + denied + denied);
}

TEST(ConfinedTest, ThereAreNoCoreFilesAndFewOpenFiles) {
  const Confined confined = RunConfined(kLimits, [](const TellPlace&) {
    rlimit core = {}, files = {};
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &files);
    return Said(
        absl::StrCat(core.rlim_max, files.rlim_max <= 4096 ? " few" : " many"));
  });

  EXPECT_EQ(confined.outcome.report.error().message(), "0 few");
}

}  // namespace
}  // namespace lockstep::testing
