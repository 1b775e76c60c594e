#include "server/launcher/fresh_process.h"

#include <signal.h>

namespace lockstep {

void StartAfresh(short flags, posix_spawnattr_t* attributes) {
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setflags(attributes,
                           static_cast<short>(POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF | flags));
}

std::vector<char*> ArgumentsOf(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  return arguments;
}

}  // namespace lockstep
