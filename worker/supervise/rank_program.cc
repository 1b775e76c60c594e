#include "worker/supervise/rank_program.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace lockstep {

std::string RankProgramPath() {
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "lockstep-rank").string();
}

absl::Status BecomeProgram(const std::string& program,
                           const char* const* argv) {
  execv(program.c_str(), const_cast<char* const*>(argv));
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot run ", program));
}

}  // namespace lockstep
