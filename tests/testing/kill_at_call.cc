#include "tests/testing/kill_at_call.h"

#include "tests/testing/file_calls.h"
#include "tests/testing/traced_child.h"

namespace lockstep::testing {

bool KillAtCall(int n, const std::function<void()>& work) {
  TracedChild child(work);
  while (child.RunToCall()) {
    if (!ChangesAFile(child.call()) || --n > 0) continue;
    child.Kill();
    return true;
  }
  return false;
}

}  // namespace lockstep::testing
