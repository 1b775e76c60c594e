#include "worker/init_model_command.h"

#include <memory>

#include "worker/command_result.h"
#include "worker/export/init_model.h"

namespace lockstep {

void AddInitModelCommand(CLI::App& app, std::function<int()>* run) {
  auto options = std::make_shared<InitModelOptions>();
  CLI::App* command =
      app.add_subcommand("init-model", "Make a new model with random weights");
  command
      ->add_option("--architecture", options->architecture,
                   "llama or qwen2 [llama]")
      ->check(CLI::IsMember({"llama", "qwen2"}));
  const auto size = [&](const char* flag, int64_t& value, const char* text) {
    return command->add_option(flag, value, text)->check(CLI::PositiveNumber);
  };
  size("--hidden-size", options->hidden_size, "Width of the model")->required();
  size("--layers", options->layers, "Blocks")->required();
  size("--heads", options->heads, "Attention heads")->required();
  size("--kv-heads", options->kv_heads, "Key and value heads [--heads]");
  size("--intermediate-size", options->intermediate_size, "Width of the MLP")
      ->required();
  size("--max-position-embeddings", options->max_position_embeddings,
       "Longest sequence [2048]");
  command->add_flag("--tie-word-embeddings", options->tie_word_embeddings,
                    "The head is the embedding");
  command->add_option("--seed", options->seed, "Seed of the weights [0]");
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "Folder with tokenizer.json, copied into the model")
      ->required();
  command->add_option("--output", options->output, "New folder to write")
      ->required();
  command->callback([options, run] {
    *run = [options] {
      return CommandResult("init-model", InitModel(*options));
    };
  });
}

}  // namespace lockstep
