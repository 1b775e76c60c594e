#include "worker/tokenizer_command.h"

#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/status_macros.h"
#include "worker/command_result.h"
#include "worker/text/tokenizer.h"
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

struct TextFlags {
  std::string model;
  // Empty: all of standard input.
  std::string text;
  std::vector<int32_t> ids;
  bool special = false;
};

absl::StatusOr<Tokenizer> OpenTokenizer(const std::string& model) {
  return Tokenizer::FromFile(absl::StrCat(model, "/tokenizer.json"));
}

absl::Status Encode(const TextFlags& flags) {
  ASSIGN_OR_RETURN(const Tokenizer tokenizer, OpenTokenizer(flags.model));
  std::string text = flags.text;
  if (text.empty()) {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  ASSIGN_OR_RETURN(
      const Encoding encoding,
      tokenizer.Encode(
          text, flags.special ? SpecialTokens::kAdd : SpecialTokens::kNone));
  std::cout << absl::StrJoin(encoding.ids, " ") << "\n";
  return absl::OkStatus();
}

absl::Status Decode(const TextFlags& flags) {
  ASSIGN_OR_RETURN(const Tokenizer tokenizer, OpenTokenizer(flags.model));
  for (const int32_t id : flags.ids) {
    if (tokenizer.IdToToken(id).has_value()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("ID ", id, ": is not a token of ", flags.model,
                     ", which has ", tokenizer.vocab_size()));
  }
  ASSIGN_OR_RETURN(const std::string text,
                   tokenizer.Decode(flags.ids, !flags.special));
  std::cout << text << "\n";
  return absl::OkStatus();
}

void AddEncode(CLI::App& tokenizer, std::function<int()>* run) {
  auto flags = std::make_shared<TextFlags>();
  CLI::App* command =
      tokenizer.add_subcommand("encode", "Print the ids of a text");
  command->add_option("TEXT", flags->text, "The text [standard input]");
  command->add_option("--model", flags->model, "Folder with tokenizer.json")
      ->required();
  command->add_flag("--special", flags->special,
                    "With what the tokenizer adds: BOS, EOS");
  command->callback([flags, run] {
    *run = [flags] {
      return CommandResult("tokenizer encode", Encode(*flags));
    };
  });
}

void AddDecode(CLI::App& tokenizer, std::function<int()>* run) {
  auto flags = std::make_shared<TextFlags>();
  CLI::App* command =
      tokenizer.add_subcommand("decode", "Print the text of ids");
  command->add_option("ID", flags->ids, "The ids")->required()->delimiter(',');
  command->add_option("--model", flags->model, "Folder with tokenizer.json")
      ->required();
  command->add_flag("--special", flags->special, "Show special tokens too");
  command->callback([flags, run] {
    *run = [flags] {
      return CommandResult("tokenizer decode", Decode(*flags));
    };
  });
}

}  // namespace

void AddTokenizerCommand(CLI::App& app, std::function<int()>* run) {
  CLI::App* tokenizer =
      app.add_subcommand("tokenizer", "Make and try tokenizers");
  tokenizer->require_subcommand(1);
  AddEncode(*tokenizer, run);
  AddDecode(*tokenizer, run);
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
