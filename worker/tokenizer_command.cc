#include "worker/tokenizer_command.h"

#include <iostream>
#include <memory>

#include "absl/status/statusor.h"
#include "worker/command_result.h"
#include "worker/text/tokenizer_training.h"

namespace lockstep {
namespace {

int RunTokenizerTrain(const TokenizerTrainingOptions& options) {
  const absl::StatusOr<TrainedTokenizer> trained =
      TrainTokenizerFolder(options);
  if (trained.ok()) {
    std::cerr << options.output_dir << ": " << trained->vocab_size
              << " tokens, from " << trained->texts << " texts of "
              << trained->bytes << " bytes\n";
  }
  return CommandResult("tokenizer train", trained.status());
}

}  // namespace

void AddTokenizerCommand(CLI::App& app, std::function<int()>* run) {
  CLI::App* tokenizer = app.add_subcommand("tokenizer", "Make tokenizers");
  tokenizer->require_subcommand(1);
  auto options = std::make_shared<TokenizerTrainingOptions>();
  CLI::App* command = tokenizer->add_subcommand(
      "train", "Train a byte-level BPE tokenizer on text");
  command
      ->add_option("--files", options->files,
                   "*.jsonl with {\"text\"} rows, or plain text")
      ->required();
  command
      ->add_option("--vocab-size", options->vocab_size,
                   "Tokens, special ones included")
      ->required();
  command->add_option("--output", options->output_dir, "Folder to write")
      ->required();
  command->callback([options, run] {
    *run = [options] { return RunTokenizerTrain(*options); };
  });
}

}  // namespace lockstep
