#include "worker/rank_command_line.h"

#include <functional>

#include "worker/forward_command.h"
#include "worker/plan_command.h"
#include "worker/program_line.h"
#include "worker/train_command.h"

namespace lockstep {

int RunRankCommandLine(int argc, const char* const* argv, std::ostream& out,
                       std::ostream& err) {
  return RunProgramLine(argc, argv, out, err,
                        [](CLI::App& app, std::function<int()>* run) {
                          AddTrainCommand(app, run);
                          AddPlanCommand(app, run);
                          AddForwardCommand(app, run);
                        });
}

}  // namespace lockstep
