#include "worker/io/trainer_state.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

using Json = nlohmann::json;

// The fields that are numbers, by Hugging Face's key.
template <typename State, typename Visitor>
void VisitFields(State& state, Visitor&& visit) {
  visit("global_step", state.global_step);
  visit("max_steps", state.max_steps);
  visit("epoch", state.epoch);
  visit("num_train_epochs", state.num_train_epochs);
  visit("num_input_tokens_seen", state.num_input_tokens_seen);
  visit("total_flos", state.total_flos);
  visit("train_batch_size", state.train_batch_size);
  visit("logging_steps", state.logging_steps);
  visit("eval_steps", state.eval_steps);
  visit("save_steps", state.save_steps);
}

Json RowToJson(const LogRow& row) {
  Json json = {{"step", row.step}, {"epoch", row.epoch}};
  for (const auto& [name, value] : row.values) {
    if (!std::isfinite(value)) continue;
    // The one count among measures: an int for Hugging Face.
    if (name == "num_tokens") {
      json[name] = std::llround(value);
    } else {
      json[name] = value;
    }
  }
  return json;
}

absl::StatusOr<LogRow> ParseRow(const Json& json, const std::string& where) {
  if (!json.is_object() || !json.value("step", Json()).is_number_integer()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": is not an object with an integer step"));
  }
  LogRow row;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number()) continue;
    if (name == "step") {
      row.step = value.get<int64_t>();
    } else if (name == "epoch") {
      row.epoch = value.get<double>();
    } else {
      row.values[name] = value.get<double>();
    }
  }
  return row;
}

absl::StatusOr<std::vector<LogRow>> ParseRows(const Json& history,
                                              const std::string& path) {
  std::vector<LogRow> rows;
  for (const Json& row : history) {
    ASSIGN_OR_RETURN(
        LogRow parsed,
        ParseRow(row, absl::StrCat(path, ": log_history[", rows.size(), "]")));
    rows.push_back(std::move(parsed));
  }
  return rows;
}

}  // namespace

void LogHistory::Add(const LogRow& row) {
  constexpr char kIndented[] = "\n    ";
  text_.Append(text_.empty() ? kIndented : ",\n    ");
  text_.Append(
      absl::StrReplaceAll(RowToJson(row).dump(2), {{"\n", kIndented}}));
}

absl::StatusOr<std::vector<LogRow>> LogHistory::Rows() const {
  const Json rows = Json::parse(absl::StrCat("[", std::string(text_), "]"),
                                nullptr, /*allow_exceptions=*/false);
  return ParseRows(rows, "the history");
}

std::string TrainerStateToJson(const TrainerState& state) {
  Json json = {{"best_global_step", nullptr},
               {"best_metric", nullptr},
               {"best_model_checkpoint", nullptr},
               {"is_hyper_param_search", false},
               {"is_local_process_zero", true},
               {"is_world_process_zero", true},
               {"log_history", Json::array()},
               {"stateful_callbacks", Json::object()},
               {"trial_name", nullptr},
               {"trial_params", nullptr}};
  VisitFields(state, [&json](const char* name, const auto& field) {
    json[name] = field;
  });
  if (state.best_metric) json["best_metric"] = *state.best_metric;
  if (state.best_global_step)
    json["best_global_step"] = *state.best_global_step;
  if (!state.best_model_checkpoint.empty()) {
    json["best_model_checkpoint"] = state.best_model_checkpoint;
  }
  std::string text = json.dump(2) + "\n";
  const absl::Cord& rows = state.log_history.text();
  if (rows.empty()) return text;
  // There is one such place: in a value the quotes would be escaped.
  constexpr absl::string_view kEmpty = "\"log_history\": []";
  const absl::string_view all = text;
  const size_t end = all.find(kEmpty) + kEmpty.size() - 1;
  return absl::StrCat(all.substr(0, end), std::string(rows), "\n  ",
                      all.substr(end));
}

absl::StatusOr<TrainerState> ParseTrainerState(absl::string_view text,
                                               const std::string& path) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a JSON object"));
  }
  TrainerState state;
  std::string bad_key;
  VisitFields(state, [&](const char* name, auto& field) {
    const Json value = json.value(name, Json());
    if (value.is_number()) {
      value.get_to(field);
    } else if (!value.is_null()) {
      bad_key = name;
    }
  });
  if (!bad_key.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", bad_key, ": ", json[bad_key].dump(), " is not a number"));
  }
  const Json history = json.value("log_history", Json::array());
  if (!history.is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": log_history: is not a list"));
  }
  ASSIGN_OR_RETURN(const std::vector<LogRow> rows, ParseRows(history, path));
  for (const LogRow& row : rows) state.log_history.Add(row);
  return state;
}

}  // namespace lockstep
