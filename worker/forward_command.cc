#include "worker/forward_command.h"

#include <memory>

#include "worker/command_result.h"
#include "worker/computing_commands.h"
#include "worker/train/forward.h"

namespace lockstep {

void AddForwardCommand(CLI::App& app, std::function<int()>* run) {
  auto options = std::make_shared<ForwardOptions>();
  CLI::App* command =
      app.add_subcommand(kForwardCommand.name, kForwardCommand.description);
  command->add_option("--model", options->model, "Model folder")->required();
  command->add_option("--adapter", options->adapter, "PEFT adapter folder");
  command->add_option("--ids", options->ids, "Token ids: 1,5,9")
      ->required()
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--output", options->output,
                   "Safetensors file to write: logits, [ids, vocabulary]")
      ->required();
  command->callback([options, run] {
    *run = [options] {
      return CommandResult("forward", WriteLogits(*options));
    };
  });
}

}  // namespace lockstep
