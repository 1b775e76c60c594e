#include "server/launcher/subprocess.h"

#include <fcntl.h>
#include <spawn.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/launcher/fresh_process.h"

extern char** environ;

namespace lockstep {
namespace {

// Files as a fresh program expects them. A pipe to this process in place of the
// log would end the program's output, and the program, with this process.
void SetFiles(const SubprocessOptions& options,
              posix_spawn_file_actions_t* files) {
  posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(files, 1, options.log_path.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0640);
  posix_spawn_file_actions_adddup2(files, 1, 2);
  posix_spawn_file_actions_addchdir_np(files, options.working_dir.c_str());
  posix_spawn_file_actions_addclosefrom_np(files, 3);
}

}  // namespace

absl::StatusOr<pid_t> StartSubprocess(const SubprocessOptions& options) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  auto destroy = absl::MakeCleanup([&] {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  });
  SetFiles(options, &files);
  // The session keeps a terminal's ^C from it.
  StartAfresh(POSIX_SPAWN_SETSID, &attributes);
  const std::vector<char*> argv = ArgumentsOf(options.argv);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argv[0], &files, &attributes, argv.data(), environ);
  if (error != 0) {
    return absl::ErrnoToStatus(
        error,
        absl::StrCat("start ", options.argv[0], " in ", options.working_dir));
  }
  return pid;
}

}  // namespace lockstep
