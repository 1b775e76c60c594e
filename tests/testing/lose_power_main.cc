// lose_power FOLDER PREFIX PROGRAM ARGUMENTS...: runs the program, and keeps in
// the folder what a power failure would leave of its files whose paths begin
// with the prefix: each as it was when it was last synced. Whatever was written
// since is lost, which is the most that can be. Ends by SIGTERM, with 143.

#include <sys/syscall.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "tests/testing/traced_program.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

int Run(const fs::path& folder, const std::string& prefix, char** argv) {
  TracedProgram program(argv);
  while (program.child().RunToCall()) {
    const auto& entry = program.child().call().entry;
    if (entry.nr != SYS_fsync && entry.nr != SYS_fdatasync) continue;
    const fs::path path =
        program.child().PathOf(static_cast<int>(entry.args[0]));
    if (!absl::StartsWith(path.string(), prefix)) continue;
    // Of a folder that is synced the files are new, and synced, too.
    if (!fs::is_regular_file(path)) continue;
    // Before the call is made, so before anybody is told that it was.
    const fs::path copy = folder / "next";
    fs::copy_file(path, copy, fs::copy_options::overwrite_existing);
    fs::rename(copy, folder / path.filename());
  }
  return 143;
}

}  // namespace
}  // namespace lockstep::testing

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  return lockstep::testing::Run(argv[1], argv[2], argv + 3);
}
