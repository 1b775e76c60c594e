#include "tests/testing/fail_at_call.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/file_calls.h"
#include "tests/testing/traced_child.h"

namespace lockstep::testing {
namespace {

// In memory that parent and child share, so that telling it is no file call.
struct Result {
  absl::StatusCode code;
  char message[2000];
};

}  // namespace

std::vector<FailingCall> BadDisks() {
  return {{.error = ENOSPC},
          {.error = EIO},
          {.error = ENOSPC, .for_good = true},
          {.error = EIO, .for_good = true}};
}

std::string NameOfDisk(const ::testing::TestParamInfo<FailingCall>& info) {
  const std::string what = info.param.error == ENOSPC ? "Full" : "Broken";
  return what + (info.param.for_good ? "ForGood" : "Once");
}

std::optional<absl::Status> FailAtCall(
    const FailingCall& failing, const std::function<absl::Status()>& work) {
  void* const shared = mmap(nullptr, sizeof(Result), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(shared, MAP_FAILED);
  auto* const result = static_cast<Result*>(shared);
  TracedChild child([&] {
    const absl::Status status = work();
    result->code = status.code();
    const absl::string_view message =
        status.message().substr(0, sizeof(result->message) - 1);
    std::copy(message.begin(), message.end(), result->message);
  });
  int calls = 0;
  while (child.RunToCall()) {
    if (!IsFileCall(child.call())) continue;
    ++calls;
    if (calls == failing.n || (failing.for_good && calls > failing.n)) {
      child.FailCall(failing.error);
    }
  }
  absl::Status status(result->code, std::string(result->message));
  munmap(shared, sizeof(Result));
  if (calls < failing.n) return std::nullopt;
  return status;
}

}  // namespace lockstep::testing
