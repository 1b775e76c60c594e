#ifndef LOCKSTEP_SERVER_LAUNCHER_FRESH_PROCESS_H_
#define LOCKSTEP_SERVER_LAUNCHER_FRESH_PROCESS_H_

// What all programs that lockstepd starts have in common (subprocess.h,
// run_command.h).

#include <spawn.h>

#include <string>
#include <vector>

namespace lockstep {

// lockstepd blocks signals in its threads and ignores SIGPIPE; its children
// start afresh. `flags` come on top: POSIX_SPAWN_SETSID, ...
void StartAfresh(short flags, posix_spawnattr_t* attributes);

// As exec wants them, with a null at the end; good as long as `words` stay.
std::vector<char*> ArgumentsOf(const std::vector<std::string>& words);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_FRESH_PROCESS_H_
