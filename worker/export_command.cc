#include "worker/export_command.h"

#include <memory>

#include "worker/command_result.h"
#include "worker/export/export_merged.h"

namespace lockstep {

void AddExportCommand(CLI::App& app, std::function<int()>* run) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand(
      "export", "Write a model that needs no adapter from a checkpoint");
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint, result, adapter or model folder")
      ->required();
  command->add_option("--base", options->base, "The model that was trained")
      ->required();
  command->add_option("--output", options->output, "New folder to write")
      ->required();
  command
      ->add_flag_callback(
          "--merge", [] {}, "Merge the adapter into the base; the only way yet")
      ->required();
  command
      ->add_option("--dtype", options->dtype,
                   "bf16, float32 or source (as the base) [source]")
      ->check(CLI::IsMember({"bf16", "float32", "source"}));
  command->callback([options, run] {
    *run = [options] {
      return CommandResult("export", ExportMerged(*options));
    };
  });
}

}  // namespace lockstep
