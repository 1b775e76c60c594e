#include "worker/dataset_command.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "proto/contract/printable.h"
#include "proto/contract/status_macros.h"
#include "worker/command_result.h"
#include "worker/prepare/dataset_view.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

struct DatasetFlags {
  DatasetViewOptions view;
  // ours=theirs.
  std::vector<std::string> columns;
  bool json = false;
  int rows = 3;
  bool show_mask = false;
};

// Longer texts are of no help on a terminal.
constexpr size_t kMostTextBytes = 1 << 16;

absl::StatusOr<DatasetView> Open(DatasetFlags flags) {
  for (const std::string& column : flags.columns) {
    const size_t equals = column.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--column ", column, ": write it as OURS=THEIRS: prompt=question"));
    }
    flags.view.columns[column.substr(0, equals)] = column.substr(equals + 1);
  }
  return DatasetView::Open(flags.view);
}

absl::Status Check(const DatasetFlags& flags) {
  ASSIGN_OR_RETURN(const DatasetView view, Open(flags));
  const v1::Plan& counts = view.counts();
  if (flags.json) {
    std::cout << Json{{"file", flags.view.file},
                      {"rows", counts.rows()},
                      {"format", counts.data_format()}}
                     .dump(2)
              << "\n";
  } else {
    std::cout << flags.view.file << ": ok, " << counts.rows() << " rows of "
              << counts.data_format() << "\n";
  }
  return absl::OkStatus();
}

Json StatisticsOf(const DatasetView& view, const std::string& file) {
  const v1::Plan& counts = view.counts();
  const LengthStatistics lengths = view.Lengths();
  return {{"file", file},
          {"rows", counts.rows()},
          {"format", counts.data_format()},
          {"mask_source", counts.mask_source()},
          {"tokens", counts.tokens()},
          {"trained_tokens", counts.trained_tokens()},
          {"truncated_rows", counts.truncated_rows()},
          {"dropped_rows", counts.dropped_rows()},
          {"shortest", lengths.shortest},
          {"median", lengths.median},
          {"p90", lengths.p90},
          {"p99", lengths.p99},
          {"longest", lengths.longest}};
}

absl::Status Stats(const DatasetFlags& flags) {
  ASSIGN_OR_RETURN(const DatasetView view, Open(flags));
  const Json statistics = StatisticsOf(view, flags.view.file);
  if (flags.json) {
    std::cout << statistics.dump(2) << "\n";
    return absl::OkStatus();
  }
  for (const auto& [name, value] : statistics.items()) {
    std::cout << absl::StrFormat(
        "%-15s %s\n", name,
        value.is_string() ? value.get<std::string>() : value.dump());
  }
  return absl::OkStatus();
}

Json RowOf(const PlacedDocument& placed, const std::vector<MaskSpan>& spans) {
  Json row = {{"file", placed.origin.file},
              {"line", placed.origin.line},
              {"tokens", placed.document.ids.size()},
              {"trained_tokens", CountLossTerms(placed.document)},
              {"spans", Json::array()}};
  for (const MaskSpan& span : spans) {
    row["spans"].push_back({{"trained", span.trained},
                            {"tokens", span.tokens},
                            {"text", span.text}});
  }
  return row;
}

void PrintRow(const PlacedDocument& placed, const std::vector<MaskSpan>& spans,
              bool show_mask) {
  std::cout << placed.origin.file << ":" << placed.origin.line << ": "
            << placed.document.ids.size() << " tokens, "
            << CountLossTerms(placed.document) << " trained\n";
  std::string whole;
  for (const MaskSpan& span : spans) {
    if (show_mask) {
      std::cout << (span.trained ? "  trained  " : "  masked   ")
                << Printable(span.text, kMostTextBytes) << "\n";
    }
    whole += span.text;
  }
  if (!show_mask) {
    std::cout << "  " << Printable(whole, kMostTextBytes) << "\n";
  }
}

absl::Status Preview(const DatasetFlags& flags) {
  ASSIGN_OR_RETURN(const DatasetView view, Open(flags));
  const size_t rows = std::min<size_t>(flags.rows, view.documents().size());
  Json all = Json::array();
  for (size_t i = 0; i < rows; ++i) {
    const PlacedDocument& placed = view.documents()[i];
    ASSIGN_OR_RETURN(const std::vector<MaskSpan> spans,
                     view.Spans(placed.document));
    if (flags.json) {
      all.push_back(RowOf(placed, spans));
    } else {
      PrintRow(placed, spans, flags.show_mask);
    }
  }
  if (flags.json) std::cout << all.dump(2) << "\n";
  return absl::OkStatus();
}

Json TokensOf(const PlacedDocument& placed, const DatasetView& view) {
  Json ids = Json::array(), tokens = Json::array(), trained = Json::array();
  for (const TokenView& token : view.Tokens(placed.document)) {
    ids.push_back(token.id);
    tokens.push_back(token.text);
    trained.push_back(token.trained);
  }
  return {{"file", placed.origin.file},
          {"line", placed.origin.line},
          {"ids", std::move(ids)},
          {"tokens", std::move(tokens)},
          {"trained", std::move(trained)}};
}

void PrintTokens(const PlacedDocument& placed, const DatasetView& view) {
  std::cout << placed.origin.file << ":" << placed.origin.line << ": "
            << placed.document.ids.size() << " tokens, "
            << CountLossTerms(placed.document) << " trained\n";
  for (const TokenView& token : view.Tokens(placed.document)) {
    std::cout << absl::StrFormat(
        "  %s  %7d  %s\n", token.trained ? "trained" : "masked ", token.id,
        Printable(token.text, kMostTextBytes));
  }
}

absl::Status Tokenize(const DatasetFlags& flags) {
  ASSIGN_OR_RETURN(const DatasetView view, Open(flags));
  const size_t rows = std::min<size_t>(flags.rows, view.documents().size());
  Json all = Json::array();
  for (size_t i = 0; i < rows; ++i) {
    if (flags.json) {
      all.push_back(TokensOf(view.documents()[i], view));
    } else {
      PrintTokens(view.documents()[i], view);
    }
  }
  if (flags.json) std::cout << all.dump(2) << "\n";
  return absl::OkStatus();
}

const std::map<std::string, v1::DataSource::Format> kFormats = {
    {"auto", v1::DataSource::FORMAT_AUTO},
    {"messages", v1::DataSource::FORMAT_MESSAGES},
    {"prompt_completion", v1::DataSource::FORMAT_PROMPT_COMPLETION},
    {"text", v1::DataSource::FORMAT_TEXT}};
const std::map<std::string, v1::DataSpec::TrainOn> kTrainOn = {
    {"assistant", v1::DataSpec::TRAIN_ON_ASSISTANT},
    {"completion", v1::DataSpec::TRAIN_ON_COMPLETION},
    {"all", v1::DataSpec::TRAIN_ON_ALL}};
const std::map<std::string, v1::DataSpec::Truncation> kTruncations = {
    {"keep_start", v1::DataSpec::TRUNCATION_KEEP_START},
    {"drop", v1::DataSpec::TRUNCATION_DROP},
    {"error", v1::DataSpec::TRUNCATION_ERROR}};

CLI::App* AddView(CLI::App& dataset, const char* name, const char* help,
                  absl::Status (*view)(const DatasetFlags&),
                  const std::shared_ptr<DatasetFlags>& flags,
                  std::function<int()>* run) {
  CLI::App* command = dataset.add_subcommand(name, help);
  DatasetViewOptions& options = flags->view;
  command->add_option("FILE", options.file, "JSON lines, or one JSON array")
      ->required();
  command->add_option("--model", options.model, "Folder of the model")
      ->required();
  command->add_option("--format", options.format, "Shape of a row [auto]")
      ->transform(CLI::Transformer(kFormats, CLI::ignore_case));
  command->add_option("--column", flags->columns, "OURS=THEIRS, repeatable");
  command->add_option("--chat-template", options.chat_template_file,
                      "File of a template, instead of the model's");
  command
      ->add_option("--train-on", options.train_on,
                   "assistant, completion or all [by the format]")
      ->transform(CLI::Transformer(kTrainOn, CLI::ignore_case));
  command
      ->add_option("--truncation", options.truncation,
                   "keep_start, drop or error [keep_start]")
      ->transform(CLI::Transformer(kTruncations, CLI::ignore_case));
  command->add_option("--max-length", options.max_length, "Tokens [1024]")
      ->check(CLI::Range(2, 1 << 20));
  command
      ->add_option_function<std::string>(
          "-o,--output",
          [flags](const std::string& how) { flags->json = how == "json"; },
          "table or json [table]")
      ->check(CLI::IsMember({"table", "json"}));
  const std::string title = absl::StrCat("dataset ", name);
  command->callback([flags, run, view, title] {
    *run = [flags, view, title] { return CommandResult(title, view(*flags)); };
  });
  return command;
}

// Of the first rows.
CLI::App* AddRowsView(CLI::App& dataset, const char* name, const char* help,
                      absl::Status (*view)(const DatasetFlags&),
                      const std::shared_ptr<DatasetFlags>& flags,
                      std::function<int()>* run) {
  CLI::App* command = AddView(dataset, name, help, view, flags, run);
  command->add_option("--rows", flags->rows, "How many [3]")
      ->check(CLI::Range(1, 1000));
  return command;
}

}  // namespace

void AddDatasetCommand(CLI::App& app, std::function<int()>* run) {
  CLI::App* dataset =
      app.add_subcommand("dataset", "Look at data as a job would see it");
  dataset->require_subcommand(1);
  AddView(*dataset, "check", "Say whether every row can be trained on", Check,
          std::make_shared<DatasetFlags>(), run);
  AddView(*dataset, "stats", "Count rows and tokens", Stats,
          std::make_shared<DatasetFlags>(), run);
  auto flags = std::make_shared<DatasetFlags>();
  CLI::App* preview = AddRowsView(*dataset, "preview", "Show the first rows",
                                  Preview, flags, run);
  preview->add_flag("--show-mask", flags->show_mask,
                    "Show which text is trained");
  AddRowsView(*dataset, "tokenize", "Show the tokens of the first rows",
              Tokenize, std::make_shared<DatasetFlags>(), run);
}

}  // namespace lockstep
