#include "worker/export_command.h"

#include <memory>

#include "worker/command_result.h"
#include "worker/export/export_adapter.h"
#include "worker/export/export_merged.h"

namespace lockstep {

void AddExportCommand(CLI::App& app, std::function<int()>* run) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand(
      "export", "Write a folder that Hugging Face loads from a checkpoint");
  auto merge = std::make_shared<bool>(false);
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint, result, adapter or model folder")
      ->required();
  command->add_option("--base", options->base, "The model that was trained")
      ->required();
  command->add_option("--output", options->output, "New folder to write")
      ->required();
  command->add_flag(
      "--merge", *merge,
      "Merge the adapter into the base, for a model that needs none");
  command
      ->add_option("--dtype", options->dtype,
                   "bf16, float32 or source (as the base) [source]")
      ->check(CLI::IsMember({"bf16", "float32", "source"}));
  command->add_option("--chat-template", options->chat_template,
                      "Template of the result [the base's]");
  command->callback([options, merge, run] {
    *run = [options, merge] {
      const bool adapter = !*merge && HoldsAdapter(options->checkpoint);
      return CommandResult(
          "export", adapter ? ExportAdapter(*options) : ExportMerged(*options));
    };
  });
}

}  // namespace lockstep
