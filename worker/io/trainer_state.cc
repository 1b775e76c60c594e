#include "worker/io/trainer_state.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
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

}  // namespace

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
  for (const LogRow& row : state.log_history) {
    json["log_history"].push_back(RowToJson(row));
  }
  return json.dump(2) + "\n";
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
  for (const Json& row : history) {
    ASSIGN_OR_RETURN(
        LogRow parsed,
        ParseRow(row, absl::StrCat(path, ": log_history[",
                                   state.log_history.size(), "]")));
    state.log_history.push_back(std::move(parsed));
  }
  return state;
}

}  // namespace lockstep
