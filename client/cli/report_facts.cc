#include "client/cli/report_facts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/format.h"
#include "client/cli/json.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "proto/contract/job_state.h"
#include "proto/contract/spec_value.h"

namespace lockstep::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

absl::Time InstantOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

void Add(Facts& facts, const std::string& name, const std::string& value) {
  if (!value.empty()) facts.emplace_back(name, value);
}

void AddCount(Facts& facts, const std::string& name, int64_t count) {
  if (count != 0) facts.emplace_back(name, absl::StrCat(count));
}

std::optional<double> LowestOf(const std::vector<PlotPoint>& curve) {
  std::optional<double> lowest;
  for (const PlotPoint& point : curve) {
    if (!std::isfinite(point.y)) continue;
    lowest = std::min(lowest.value_or(point.y), point.y);
  }
  return lowest;
}

std::optional<double> MedianOf(const std::vector<PlotPoint>& curve) {
  std::vector<double> values;
  for (const PlotPoint& point : curve) {
    if (std::isfinite(point.y)) values.push_back(point.y);
  }
  if (values.empty()) return std::nullopt;
  const auto middle =
      values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string LossText(std::optional<double> loss) {
  return loss.has_value() ? absl::StrFormat("%.4f", *loss) : "";
}

// As in a job file. `index` is -1 of a field that is no list.
std::string ScalarText(const Message& message, const FieldDescriptor& field,
                       int index) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const Reflection& at = *message.GetReflection();
    return EnumYamlName(*field.enum_type(),
                        index < 0
                            ? at.GetEnumValue(message, &field)
                            : at.GetRepeatedEnumValue(message, &field, index));
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    const Reflection& at = *message.GetReflection();
    return index < 0 ? at.GetString(message, &field)
                     : at.GetRepeatedString(message, &field, index);
  }
  std::string text;
  TextFormat::PrintFieldValueToString(message, &field, index, &text);
  return text;
}

// A map of texts, sorted by key: labels.team.
void FlattenMap(const Message& message, const FieldDescriptor& field,
                const std::string& path, Facts& facts) {
  const Reflection& at = *message.GetReflection();
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < at.FieldSize(message, &field); ++i) {
    const Message& entry = at.GetRepeatedMessage(message, &field, i);
    const Descriptor& type = *field.message_type();
    sorted[ScalarText(entry, *type.map_key(), -1)] =
        ScalarText(entry, *type.map_value(), -1);
  }
  for (const auto& [key, value] : sorted) {
    facts.emplace_back(absl::StrCat(path, ".", key), value);
  }
}

void Flatten(const Message& message, const std::string& path, Facts& facts);

void FlattenField(const Message& message, const FieldDescriptor& field,
                  const std::string& path, Facts& facts) {
  if (field.is_map()) return FlattenMap(message, field, path, facts);
  const Reflection& at = *message.GetReflection();
  const bool holds_messages =
      field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (!field.is_repeated()) {
    if (holds_messages)
      return Flatten(at.GetMessage(message, &field), path, facts);
    facts.emplace_back(path, ScalarText(message, field, -1));
    return;
  }
  std::vector<std::string> items;
  for (int i = 0; i < at.FieldSize(message, &field); ++i) {
    if (holds_messages) {
      Flatten(at.GetRepeatedMessage(message, &field, i),
              absl::StrCat(path, "[", i, "]"), facts);
    } else {
      items.push_back(ScalarText(message, field, i));
    }
  }
  if (!holds_messages) facts.emplace_back(path, absl::StrJoin(items, ", "));
}

void Flatten(const Message& message, const std::string& path, Facts& facts) {
  if (message.GetTypeName() == "google.protobuf.Duration") {
    // "3600s", which JSON quotes.
    facts.emplace_back(
        path, std::string(absl::StripSuffix(
                  absl::StripPrefix(ToJsonLine(message), "\""), "\"")));
    return;
  }
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    FlattenField(
        message, *field,
        path.empty() ? field->name() : absl::StrCat(path, ".", field->name()),
        facts);
  }
  // As method.full, which has no settings.
  if (set.empty() && !path.empty()) facts.emplace_back(path, "{}");
}

}  // namespace

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", InstantOf(time),
                          absl::UTCTimeZone());
}

Facts OutcomeFacts(const v1::Job& job, const MetricCurves& curves) {
  const v1::Progress& progress = job.progress();
  Facts facts;
  Add(facts, "state", std::string(StateName(job.state())));
  if (!job.error().reason().empty()) {
    Add(facts, "error",
        absl::StrCat(job.error().reason(), ": ", job.error().message()));
  }
  Add(facts, "step",
      progress.steps_planned() > 0
          ? absl::StrCat(progress.step(), " of ", progress.steps_planned())
          : "");
  const std::vector<PlotPoint> loss = curves.Curve("loss");
  if (!loss.empty()) {
    Add(facts, "first loss", LossText(loss.front().y));
    Add(facts, "last loss", LossText(loss.back().y));
  }
  Add(facts, "best evaluation loss",
      LossText(LowestOf(curves.Curve("eval_loss"))));
  AddCount(facts, "tokens trained on", progress.tokens_seen());
  const std::optional<double> speed =
      MedianOf(curves.Curve("tokens_per_second"));
  Add(facts, "tokens a second, median",
      speed.has_value() ? FormatCount(*speed) : "");
  Add(facts, "created", TimeText(job.create_time()));
  Add(facts, "started", TimeText(job.start_time()));
  Add(facts, "ended", TimeText(job.end_time()));
  if (job.has_start_time() && job.has_end_time()) {
    Add(facts, "took",
        FormatShortDuration(InstantOf(job.end_time()) -
                            InstantOf(job.start_time())));
  }
  AddCount(facts, "attempts", job.attempts_size());
  Add(facts, "owner", job.owner());
  return facts;
}

Facts DataFacts(const v1::Plan& plan) {
  Facts facts;
  AddCount(facts, "rows", plan.rows());
  Add(facts, "taken for", plan.data_format());
  Add(facts, "trained tokens found by", plan.mask_source());
  AddCount(facts, "tokens", plan.tokens());
  if (plan.tokens() > 0) {
    Add(facts, "of which trained",
        absl::StrFormat("%d (%.1f%%)", plan.trained_tokens(),
                        100.0 * static_cast<double>(plan.trained_tokens()) /
                            static_cast<double>(plan.tokens())));
  }
  AddCount(facts, "rows cut at max_length", plan.truncated_rows());
  AddCount(facts, "rows left out", plan.dropped_rows());
  AddCount(facts, "evaluation rows", plan.eval_rows());
  AddCount(facts, "sequences an epoch", plan.bins_per_epoch());
  AddCount(facts, "steps an epoch", plan.steps_per_epoch());
  AddCount(facts, "steps", plan.steps());
  if (plan.parameters() > 0) {
    Add(facts, "trained parameters",
        absl::StrFormat(
            "%d of %d (%.2f%%)", plan.trainable_parameters(), plan.parameters(),
            100.0 * static_cast<double>(plan.trainable_parameters()) /
                static_cast<double>(plan.parameters())));
  }
  for (const std::string& warning : plan.warnings()) {
    Add(facts, "warning", warning);
  }
  return facts;
}

Facts SpecFacts(const v1::JobSpec& spec) {
  Facts facts;
  Flatten(spec, "", facts);
  return facts;
}

Facts EnvironmentFacts(const v1::Job& job, const v1::ServerInfo& server) {
  Facts facts;
  Add(facts, "uid", job.uid());
  Add(facts, "coordinator",
      server.version().empty()
          ? ""
          : absl::StrCat(server.version(), " (", server.revision(), ")"));
  if (!job.attempts().empty()) {
    for (const v1::RankPlacement& rank : job.attempts().rbegin()->ranks()) {
      Add(facts, absl::StrCat("rank ", rank.rank()),
          absl::StrCat(rank.device(), " of ", rank.node()));
    }
  }
  for (const v1::InputFile& file : job.plan().inputs()) {
    Add(facts, file.path(), absl::StrCat("sha256 ", file.sha256()));
  }
  return facts;
}

}  // namespace lockstep::cli
