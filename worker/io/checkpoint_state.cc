#include "worker/io/checkpoint_state.h"

#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

using OrderedJson = nlohmann::ordered_json;

// The one list of a run's fields: written, read and compared by it.
template <typename Run, typename Visitor>
void VisitRun(Run& run, Visitor&& visit) {
  visit("world_size", run.world_size);
  visit("per_device_train_batch_size", run.per_device_train_batch_size);
  visit("gradient_accumulation_steps", run.gradient_accumulation_steps);
  visit("threads", run.threads);
  visit("device", run.device);
  visit("dtype", run.dtype);
  visit("method", run.method);
  visit("optimizer", run.optimizer);
  visit("seed", run.seed);
  visit("shuffle_seed", run.shuffle_seed);
  visit("build_id", run.build_id);
  visit("libtorch_version", run.libtorch_version);
  visit("base_model_digest", run.base_model_digest);
  visit("dataset_digest", run.dataset_digest);
}

template <typename Position, typename Visitor>
void VisitPosition(Position& position, Visitor&& visit) {
  visit("step", position.step);
  visit("optimizer_steps", position.optimizer_steps);
  visit("epoch", position.epoch);
  visit("step_in_epoch", position.step_in_epoch);
  visit("tokens_seen", position.tokens_seen);
  visit("trained_tokens_seen", position.trained_tokens_seen);
  visit("samples_seen", position.samples_seen);
  visit("metric_seq", position.metric_seq);
  visit("averages", position.averages);
}

template <typename T>
bool HoldsA(const OrderedJson& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value.is_string();
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    return value.is_number_unsigned();
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return value.is_number_integer();
  } else {
    if (!value.is_object()) return false;
    for (const auto& [name, number] : value.items()) {
      if (!number.is_number()) return false;
    }
    return true;
  }
}

class FieldReader {
 public:
  FieldReader(const OrderedJson& object, std::string prefix)
      : object_(object), prefix_(std::move(prefix)) {}

  template <typename T>
  void operator()(const char* name, T& field) {
    const OrderedJson value = object_.is_object()
                                  ? object_.value(name, OrderedJson())
                                  : OrderedJson();
    if (HoldsA<T>(value)) {
      field = value.get<T>();
    } else if (status_.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat(
          prefix_, name, ": ", value.dump(), " is not a value of this field"));
    }
  }

  const absl::Status& status() const { return status_; }

 private:
  const OrderedJson& object_;
  const std::string prefix_;
  absl::Status status_;
};

OrderedJson FieldsOf(const RunIdentity& run) {
  OrderedJson json;
  VisitRun(run, [&json](const char* name, const auto& field) {
    json[name] = field;
  });
  return json;
}

}  // namespace

absl::Status CheckSameRun(const RunIdentity& saved,
                          const RunIdentity& current) {
  const OrderedJson then = FieldsOf(saved);
  const OrderedJson now = FieldsOf(current);
  std::vector<std::string> differences;
  for (const auto& [name, value] : then.items()) {
    if (value == now[name]) continue;
    differences.push_back(
        absl::StrCat(name, " was ", value.dump(), ", is ", now[name].dump()));
  }
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the run cannot go on exactly: ", absl::StrJoin(differences, "; ")));
}

std::string CheckpointStateToJson(const CheckpointState& state) {
  OrderedJson position;
  VisitPosition(state.position,
                [&position](const char* name, const auto& field) {
                  position[name] = field;
                });
  const OrderedJson json = {{"run", FieldsOf(state.run)},
                            {"position", position}};
  return json.dump(2) + "\n";
}

absl::StatusOr<CheckpointState> ParseCheckpointState(absl::string_view json,
                                                     const std::string& path) {
  const OrderedJson object =
      OrderedJson::parse(json.begin(), json.end(), nullptr,
                         /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a JSON object"));
  }
  CheckpointState state;
  const OrderedJson run = object.value("run", OrderedJson());
  FieldReader run_reader(run, path + ": run.");
  VisitRun(state.run, run_reader);
  RETURN_IF_ERROR(run_reader.status());
  const OrderedJson position = object.value("position", OrderedJson());
  FieldReader position_reader(position, path + ": position.");
  VisitPosition(state.position, position_reader);
  RETURN_IF_ERROR(position_reader.status());
  return state;
}

}  // namespace lockstep
