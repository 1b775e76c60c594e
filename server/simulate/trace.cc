#include "server/simulate/trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "proto/contract/printable.h"
#include "proto/contract/queue.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/spec_value.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

using Fields = std::map<std::string, std::string>;

constexpr double kLongestSeconds = 1e9;
constexpr int kMostDevices = 1'000'000;

const std::vector<std::string>& FieldNames() {
  static const auto& names = *new std::vector<std::string>{
      "submit_time", "duration", "devices", "timeout",
      "priority",    "queue",    "owner"};
  return names;
}

absl::Status Bad(int line, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", why));
}

absl::Status BadField(int line, absl::string_view field,
                      const std::string& value, absl::string_view allowed) {
  return Bad(line, absl::StrCat(field, " \"", Printable(value, 64),
                                "\" is not ", allowed));
}

bool IsField(const std::string& name) {
  return std::find(FieldNames().begin(), FieldNames().end(), name) !=
         FieldNames().end();
}

absl::Status UnknownField(int line, const std::string& name) {
  return Bad(line, absl::StrCat("\"", Printable(name, 64), "\" is not one of ",
                                absl::StrJoin(FieldNames(), ", ")));
}

// One line of the file as its fields.
absl::StatusOr<Fields> ReadJson(const std::string& text, int line) {
  google::protobuf::Struct object;
  const auto status =
      google::protobuf::util::JsonStringToMessage(text, &object);
  if (!status.ok()) {
    return Bad(line, absl::StrCat("is no JSON object: ",
                                  Printable(status.ToString(), 200)));
  }
  Fields fields;
  for (const auto& [name, value] : object.fields()) {
    if (!IsField(name)) return UnknownField(line, name);
    if (value.has_number_value()) {
      fields[name] = absl::StrFormat("%.15g", value.number_value());
    } else if (value.has_string_value()) {
      fields[name] = value.string_value();
    } else if (!value.has_null_value()) {
      return Bad(line, absl::StrCat(name, " is neither a number nor a string"));
    }
  }
  return fields;
}

absl::StatusOr<std::vector<std::string>> ReadHeader(const std::string& text,
                                                    int line) {
  std::vector<std::string> names;
  for (absl::string_view name : absl::StrSplit(text, ',')) {
    names.emplace_back(absl::StripAsciiWhitespace(name));
    if (!IsField(names.back())) return UnknownField(line, names.back());
  }
  if (std::set<std::string>(names.begin(), names.end()).size() !=
      names.size()) {
    return Bad(line, "the header names a field twice");
  }
  return names;
}

absl::StatusOr<Fields> ReadCsv(const std::vector<std::string>& names,
                               const std::string& text, int line) {
  const std::vector<std::string> values = absl::StrSplit(text, ',');
  if (values.size() != names.size()) {
    return Bad(line, absl::StrCat("has ", values.size(),
                                  " fields; the header "
                                  "has ",
                                  names.size()));
  }
  Fields fields;
  for (size_t i = 0; i < names.size(); ++i) {
    fields[names[i]] = std::string(absl::StripAsciiWhitespace(values[i]));
  }
  return fields;
}

absl::StatusOr<absl::Duration> SecondsOf(const Fields& fields,
                                         const std::string& field, int line,
                                         bool above_zero) {
  const auto found = fields.find(field);
  if (found == fields.end() || found->second.empty()) {
    return Bad(line, absl::StrCat(field, " is missing; seconds are needed"));
  }
  double seconds = 0;
  if (!absl::SimpleAtod(found->second, &seconds) || !std::isfinite(seconds) ||
      seconds < 0 || (above_zero && seconds == 0) ||
      seconds > kLongestSeconds) {
    return BadField(line, field, found->second,
                    above_zero ? "a number of seconds above 0 and up to 1e9"
                               : "a number of seconds from 0 to 1e9");
  }
  return absl::Seconds(seconds);
}

absl::Status ReadPriority(const Fields& fields, int line, TraceJob& job) {
  const auto found = fields.find("priority");
  if (found == fields.end() || found->second.empty()) return absl::OkStatus();
  const auto& type = *v1::ResourceSpec::Priority_descriptor();
  const auto* value = FindEnumByYamlName(type, found->second);
  if (value == nullptr || value->number() == 0) {
    return BadField(
        line, "priority", found->second,
        absl::StrCat("one of ", absl::StrJoin(EnumYamlNames(type), ", ")));
  }
  job.priority = static_cast<v1::ResourceSpec::Priority>(value->number());
  return absl::OkStatus();
}

// Or what stands for it when it is not there.
std::string TextOf(const Fields& fields, const std::string& field,
                   const std::string& otherwise) {
  const auto found = fields.find(field);
  return found == fields.end() || found->second.empty() ? otherwise
                                                        : found->second;
}

absl::StatusOr<TraceJob> JobOf(const Fields& fields, int line) {
  TraceJob job;
  ASSIGN_OR_RETURN(job.submitted, SecondsOf(fields, "submit_time", line,
                                            /*above_zero=*/false));
  ASSIGN_OR_RETURN(job.duration,
                   SecondsOf(fields, "duration", line, /*above_zero=*/true));
  const std::string devices = TextOf(fields, "devices", "");
  if (!absl::SimpleAtoi(devices, &job.devices) || job.devices < 1 ||
      job.devices > kMostDevices) {
    return BadField(line, "devices", devices,
                    "a whole number from 1 to 1000000");
  }
  if (!TextOf(fields, "timeout", "").empty()) {
    ASSIGN_OR_RETURN(job.timeout,
                     SecondsOf(fields, "timeout", line, /*above_zero=*/true));
  }
  RETURN_IF_ERROR(ReadPriority(fields, line, job));
  job.queue = TextOf(fields, "queue", kDefaultQueue);
  if (!IsValidJobId(job.queue)) {
    return BadField(line, "queue", job.queue,
                    "an id of lower-case letters, digits and hyphens");
  }
  job.owner = TextOf(fields, "owner", "local");
  return job;
}

}  // namespace

absl::StatusOr<std::vector<TraceJob>> ReadTrace(std::istream& lines) {
  std::vector<TraceJob> jobs;
  std::vector<std::string> header;
  std::string text;
  for (int line = 1; std::getline(lines, text); ++line) {
    if (absl::StripAsciiWhitespace(text).empty()) continue;
    Fields fields;
    if (header.empty() && absl::StartsWith(text, "{")) {
      ASSIGN_OR_RETURN(fields, ReadJson(text, line));
    } else if (header.empty() && jobs.empty()) {
      ASSIGN_OR_RETURN(header, ReadHeader(text, line));
      continue;
    } else if (header.empty()) {
      return Bad(line, "is no JSON object, and those before it are");
    } else {
      ASSIGN_OR_RETURN(fields, ReadCsv(header, text, line));
    }
    ASSIGN_OR_RETURN(TraceJob job, JobOf(fields, line));
    jobs.push_back(std::move(job));
  }
  if (jobs.empty()) {
    return absl::InvalidArgumentError(
        "the trace holds no job; CSV with a header line or JSON lines are "
        "needed");
  }
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const TraceJob& a, const TraceJob& b) {
                     return a.submitted < b.submitted;
                   });
  return jobs;
}

}  // namespace lockstep
