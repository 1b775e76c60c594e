#include "worker/supervise/rank_program.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace lockstep {

absl::StatusOr<std::string> RankProgramPath(const std::string& self) {
  std::error_code error;
  const std::filesystem::path program =
      std::filesystem::read_symlink(self, error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(),
        absl::StrCat("cannot find lockstep-rank, which lies beside this "
                     "program: read ",
                     self));
  }
  return (program.parent_path() / "lockstep-rank").string();
}

absl::Status BecomeProgram(const std::string& program,
                           const char* const* argv) {
  execv(program.c_str(), const_cast<char* const*>(argv));
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot run ", program));
}

}  // namespace lockstep
