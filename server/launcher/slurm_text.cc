#include "server/launcher/slurm_text.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/printable.h"

namespace lockstep {
namespace {

constexpr int kMostSlots = 4096;
constexpr size_t kLongestSentence = 400;

// The exit codes of supervisors that Slurm must not take for its own business.
constexpr int kExitCodes[] = {
    kFailure,         kUsage,     kInvalidInput, kUserError, kInputChanged,
    kStorageFull,     kNotFinite, kOutOfMemory,  kPeerLost,  kSuperseded,
    kCoordinatorLost, kStopped,   kCannotStart};

// The value after " KEY=" of a line of words; empty when there is none.
absl::string_view ValueOf(absl::string_view text, absl::string_view key) {
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&word, key) && absl::ConsumePrefix(&word, "=")) {
      return word;
    }
  }
  return "";
}

// Seconds since 1970; N/A, Unknown and the like are none.
std::optional<absl::Time> TimeOf(absl::string_view text) {
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(text, &seconds) || seconds <= 0) return std::nullopt;
  return absl::FromUnixSeconds(seconds);
}

// gpu:h200:4(S:0-1),shard:8 -> {"h200", 4}
void AddGpus(absl::string_view gres, SlurmSlots& slots) {
  std::string flat;
  int depth = 0;
  for (const char c : gres) {
    if (c == '(') ++depth;
    if (depth == 0) flat.push_back(c);
    if (c == ')' && depth > 0) --depth;
  }
  for (const absl::string_view one : absl::StrSplit(flat, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(one, ':');
    int count = 0;
    if (parts[0] != "gpu" || parts.size() < 2 ||
        !absl::SimpleAtoi(parts.back(), &count) || count <= 0) {
      continue;
    }
    const std::string type(parts.size() > 2 ? parts[1] : "");
    const auto known =
        std::find_if(slots.gpus.begin(), slots.gpus.end(),
                     [&](const auto& entry) { return entry.first == type; });
    if (known == slots.gpus.end()) {
      slots.gpus.emplace_back(type, std::min(count, kMostSlots));
    } else {
      known->second = std::min(known->second + count, kMostSlots);
    }
  }
}

// "RequeueExit   = 75,100-110" -> the codes in it.
bool Names(absl::string_view list, int code) {
  for (const absl::string_view item : absl::StrSplit(list, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(item, absl::MaxSplits('-', 1));
    int low = 0;
    if (!absl::SimpleAtoi(ends.first, &low)) continue;
    int high = low;
    if (!ends.second.empty() && !absl::SimpleAtoi(ends.second, &high)) continue;
    if (low <= code && code <= high) return true;
  }
  return false;
}

}  // namespace

std::vector<SlurmJobLine> ParseJobs(absl::string_view text) {
  std::vector<SlurmJobLine> jobs;
  for (const absl::string_view line :
       absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('|', 4));
    int64_t id = 0;
    if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &id) || id <= 0) {
      continue;
    }
    jobs.push_back(
        {.id = absl::StrCat(id),
         .state = std::string(parts[1]),
         .start = TimeOf(parts[2]),
         .name = std::string(parts[3]),
         .reason = std::string(absl::StripAsciiWhitespace(parts[4]))});
  }
  return jobs;
}

SlurmJobEnd ParseJobEnd(absl::string_view text) {
  SlurmJobEnd end;
  const std::pair<absl::string_view, absl::string_view> exit =
      absl::StrSplit(ValueOf(text, "ExitCode"), absl::MaxSplits(':', 1));
  if (!absl::SimpleAtoi(exit.first, &end.exit_code)) end.exit_code = 0;
  if (!absl::SimpleAtoi(exit.second, &end.signal)) end.signal = 0;
  const absl::string_view preempted = ValueOf(text, "PreemptTime");
  end.preempted =
      !preempted.empty() && preempted != "None" && preempted != "Unknown";
  return end;
}

absl::StatusOr<std::string> ParseSubmitted(absl::string_view text) {
  const absl::string_view line = absl::StripAsciiWhitespace(text);
  int64_t id = 0;
  if (!absl::SimpleAtoi(line.substr(0, line.find(';')), &id) || id <= 0) {
    return absl::DataLossError(absl::StrCat("sbatch --parsable printed \"",
                                            Printable(line.substr(0, 80)),
                                            "\", which begins with no job id"));
  }
  return absl::StrCat(id);
}

SlurmSlots ParseSlots(absl::string_view text) {
  SlurmSlots slots;
  // A node is listed once for each partition that it is in.
  std::set<absl::string_view> seen;
  for (const absl::string_view line :
       absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('|', 2));
    int cpus = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &cpus) || cpus < 0 ||
        !seen.insert(parts[0]).second) {
      continue;
    }
    slots.cpus = std::min(slots.cpus + std::min(cpus, kMostSlots), kMostSlots);
    AddGpus(absl::StripAsciiWhitespace(parts[2]), slots);
  }
  return slots;
}

v1::Node SlurmNode(const SlurmSlots& slots) {
  v1::Node node;
  node.set_name(absl::StrCat("nodes/", kSlurmNode));
  for (int slot = 0; slot < slots.cpus; ++slot) {
    v1::Device& device = *node.add_devices();
    device.set_id(absl::StrCat(kSlurmSlot, "cpu:", slot));
    device.set_kind(v1::Device::CPU);
    device.set_model("CPU slot");
  }
  int gpu = 0;
  for (const auto& [type, count] : slots.gpus) {
    for (int i = 0; i < count; ++i) {
      v1::Device& device = *node.add_devices();
      device.set_id(absl::StrCat(kSlurmSlot, "gpu:", gpu++));
      device.set_kind(v1::Device::CUDA);
      device.set_model(type);
    }
  }
  return node;
}

absl::Status CheckRequeueExit(absl::string_view config) {
  for (const absl::string_view line : absl::StrSplit(config, '\n')) {
    const std::pair<absl::string_view, absl::string_view> setting =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    const absl::string_view name = absl::StripAsciiWhitespace(setting.first);
    if (name != "RequeueExit" && name != "RequeueExitHold") continue;
    const absl::string_view list = absl::StripAsciiWhitespace(setting.second);
    for (const int code : kExitCodes) {
      if (!Names(list, code)) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          "slurm.conf: ", name, "=", Printable(list), " names ", code,
          ", with which supervisors of Lockstep end: Slurm would run their "
          "work a second time, whatever --no-requeue says; take it out"));
    }
  }
  return absl::OkStatus();
}

bool IsUnreachable(absl::string_view err) {
  const std::string small = absl::AsciiStrToLower(err);
  for (const absl::string_view sign :
       {"Unable to contact slurm controller", "Connection refused",
        "Socket timed out", "Zero Bytes were transmitted or received",
        "Unexpected message received", "temporarily unable to accept job",
        "Transport endpoint is not connected", "Connection timed out",
        "Slurm backup controller in standby mode", "authentication credential",
        "Munge encode failed"}) {
    if (absl::StrContains(small, absl::AsciiStrToLower(sign))) return true;
  }
  return false;
}

bool IsRefusedForNow(absl::string_view err) {
  const std::string small = absl::AsciiStrToLower(err);
  for (const absl::string_view sign :
       {"partition not available", "job submit limit",
        "temporarily unavailable", "slurmctld is shutting down"}) {
    if (absl::StrContains(small, sign)) return true;
  }
  return false;
}

std::string ErrorSentence(absl::string_view err) {
  std::vector<std::string> sentences;
  for (absl::string_view line :
       absl::StrSplit(err, '\n', absl::SkipWhitespace())) {
    for (const absl::string_view program :
         {"sbatch", "squeue", "scancel", "scontrol", "sinfo"}) {
      if (absl::ConsumePrefix(&line, program)) {
        absl::ConsumePrefix(&line, ": ");
      }
    }
    absl::ConsumePrefix(&line, "error: ");
    sentences.push_back(Printable(absl::StripAsciiWhitespace(line)));
  }
  std::reverse(sentences.begin(), sentences.end());
  std::string all;
  for (const std::string& sentence : sentences) {
    absl::StrAppend(&all, all.empty() ? "" : "; ", sentence);
  }
  return all.substr(0, kLongestSentence);
}

}  // namespace lockstep
