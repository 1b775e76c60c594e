#include "worker/io/tensorboard_event.h"

#include <array>
#include <bit>
#include <cstring>

namespace lockstep {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are written as they lie in memory");

// CRC-32C, as the daemon's metric segments have it; the two programs share no
// folder below proto/.
constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    }
    table[byte] = crc;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

// Masked, so that a checksum of data that holds checksums stays a good one.
uint32_t MaskedCrc(absl::string_view data) {
  uint32_t crc = ~0u;
  for (const char c : data) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xffu];
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <typename T>
void AppendRaw(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

// The wire format of Protobuf.
enum WireType { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<char>(value | 0x80));
  }
  out.push_back(static_cast<char>(value));
}

void AppendTag(std::string& out, int field, WireType type) {
  AppendVarint(out, static_cast<uint64_t>(field) << 3 | type);
}

void AppendInt(std::string& out, int field, int64_t value) {
  AppendTag(out, field, kVarint);
  AppendVarint(out, static_cast<uint64_t>(value));
}

void AppendDouble(std::string& out, int field, double value) {
  AppendTag(out, field, kFixed64);
  AppendRaw(out, value);
}

void AppendFloat(std::string& out, int field, float value) {
  AppendTag(out, field, kFixed32);
  AppendRaw(out, value);
}

// A string, bytes or a message.
void AppendBytes(std::string& out, int field, absl::string_view value) {
  AppendTag(out, field, kLengthDelimited);
  AppendVarint(out, value.size());
  out.append(value.data(), value.size());
}

// Field numbers of tensorflow/core/util/event.proto and framework/*.proto.
constexpr int kEventWallTime = 1;
constexpr int kEventStep = 2;
constexpr int kEventFileVersion = 3;
constexpr int kEventSummary = 5;
constexpr int kEventSessionLog = 7;
constexpr int kSessionLogStatus = 1;
constexpr int kSessionStart = 1;
constexpr int kSummaryValue = 1;
constexpr int kValueTag = 1;
constexpr int kValueSimple = 2;
constexpr int kValueTensor = 8;
constexpr int kValueMetadata = 9;
constexpr int kMetadataPlugin = 1;
constexpr int kMetadataDataClass = 4;
constexpr int kPluginName = 1;
constexpr int kPluginContent = 2;
constexpr int kDataClassTensor = 2;
constexpr int kTensorDtype = 1;
constexpr int kTensorShape = 2;
constexpr int kTensorString = 8;
constexpr int kShapeDimension = 2;
constexpr int kDtypeFloat = 1;
constexpr int kDtypeString = 7;
// And of tensorboard/plugins/hparams/{plugin_data,api}.proto.
constexpr int kDataSessionStart = 3;
constexpr int kDataSessionEnd = 4;
constexpr int kStartHParams = 1;
constexpr int kStartTime = 5;
constexpr int kEndStatus = 1;
constexpr int kEndTime = 2;
constexpr int kStatusSuccess = 1;
// google.protobuf.Value, and an entry of a map.
constexpr int kValueNumber = 2;
constexpr int kValueString = 3;
constexpr int kValueBool = 4;
constexpr int kEntryKey = 1;
constexpr int kEntryValue = 2;

std::string EventAt(double wall_time, int64_t step) {
  std::string event;
  AppendDouble(event, kEventWallTime, wall_time);
  if (step != 0) AppendInt(event, kEventStep, step);
  return event;
}

// An event with one value: a tensor under a plugin.
std::string TensorEvent(double wall_time, int64_t step, absl::string_view tag,
                        const std::string& plugin, const std::string& tensor) {
  std::string metadata;
  AppendBytes(metadata, kMetadataPlugin, plugin);
  AppendInt(metadata, kMetadataDataClass, kDataClassTensor);
  std::string value;
  AppendBytes(value, kValueTag, tag);
  AppendBytes(value, kValueTensor, tensor);
  AppendBytes(value, kValueMetadata, metadata);
  std::string summary;
  AppendBytes(summary, kSummaryValue, value);
  std::string event = EventAt(wall_time, step);
  AppendBytes(event, kEventSummary, summary);
  return event;
}

std::string ValueOf(const HParam& hparam) {
  std::string value;
  if (const bool* flag = std::get_if<bool>(&hparam)) {
    AppendInt(value, kValueBool, *flag ? 1 : 0);
  } else if (const double* number = std::get_if<double>(&hparam)) {
    AppendDouble(value, kValueNumber, *number);
  } else {
    AppendBytes(value, kValueString, std::get<std::string>(hparam));
  }
  return value;
}

// All is in the plugin's data; the tensor has no number in it.
std::string HParamsPluginEvent(double wall_time, absl::string_view tag,
                               const std::string& data) {
  std::string plugin;
  AppendBytes(plugin, kPluginName, "hparams");
  AppendBytes(plugin, kPluginContent, data);
  std::string shape;
  AppendBytes(shape, kShapeDimension, "");  // One dimension, of size 0.
  std::string tensor;
  AppendInt(tensor, kTensorDtype, kDtypeFloat);
  AppendBytes(tensor, kTensorShape, shape);
  return TensorEvent(wall_time, /*step=*/0, tag, plugin, tensor);
}

}  // namespace

std::string FileVersionEvent(double wall_time) {
  std::string event;
  AppendDouble(event, kEventWallTime, wall_time);
  AppendBytes(event, kEventFileVersion, "brain.Event:2");
  return event;
}

std::string SessionStartEvent(double wall_time, int64_t step) {
  std::string log;
  AppendInt(log, kSessionLogStatus, kSessionStart);
  std::string event = EventAt(wall_time, step);
  AppendBytes(event, kEventSessionLog, log);
  return event;
}

std::string ScalarsEvent(double wall_time, int64_t step,
                         const std::map<std::string, double>& values) {
  std::string summary;
  for (const auto& [tag, number] : values) {
    std::string value;
    AppendBytes(value, kValueTag, tag);
    AppendFloat(value, kValueSimple, static_cast<float>(number));
    AppendBytes(summary, kSummaryValue, value);
  }
  std::string event = EventAt(wall_time, step);
  AppendBytes(event, kEventSummary, summary);
  return event;
}

std::string TextEvent(double wall_time, int64_t step, absl::string_view tag,
                      absl::string_view text) {
  std::string plugin;
  AppendBytes(plugin, kPluginName, "text");
  std::string tensor;
  AppendInt(tensor, kTensorDtype, kDtypeString);
  AppendBytes(tensor, kTensorShape, "");
  AppendBytes(tensor, kTensorString, text);
  return TensorEvent(wall_time, step, tag, plugin, tensor);
}

std::string HParamsEvent(double wall_time,
                         const std::map<std::string, HParam>& hparams) {
  std::string start;
  for (const auto& [name, hparam] : hparams) {
    std::string entry;
    AppendBytes(entry, kEntryKey, name);
    AppendBytes(entry, kEntryValue, ValueOf(hparam));
    AppendBytes(start, kStartHParams, entry);
  }
  AppendDouble(start, kStartTime, wall_time);
  std::string data;
  AppendBytes(data, kDataSessionStart, start);
  return HParamsPluginEvent(wall_time, "_hparams_/session_start_info", data);
}

std::string HParamsEndEvent(double wall_time) {
  std::string end;
  AppendInt(end, kEndStatus, kStatusSuccess);
  AppendDouble(end, kEndTime, wall_time);
  std::string data;
  AppendBytes(data, kDataSessionEnd, end);
  return HParamsPluginEvent(wall_time, "_hparams_/session_end_info", data);
}

std::string EventRecord(absl::string_view event) {
  std::string record;
  AppendRaw(record, static_cast<uint64_t>(event.size()));
  AppendRaw(record, MaskedCrc(record));
  record.append(event.data(), event.size());
  AppendRaw(record, MaskedCrc(event));
  return record;
}

}  // namespace lockstep
