#include "worker/supervise/cpu_topology.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lockstep {
namespace {

// Empty when it cannot be read.
std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

CpuSet CpusIn(const std::string& path) {
  return ParseCpuList(TextOf(path)).value_or(CpuSet());
}

// By the first thread of each, which is the same for all threads of a core.
std::map<int, int> Cores(const std::string& root, const CpuSet& online) {
  std::map<int, int> cores;
  for (const int cpu : online) {
    const CpuSet threads =
        CpusIn(absl::StrCat(root, "/sys/devices/system/cpu/cpu", cpu,
                            "/topology/thread_siblings_list"));
    cores[cpu] = threads.contains(cpu) ? *threads.begin() : cpu;
  }
  return cores;
}

// "GPU UUID: \t GPU-..." among others.
std::string UuidIn(const std::string& information) {
  for (absl::string_view line : absl::StrSplit(information, '\n')) {
    if (!absl::ConsumePrefix(&line, "GPU UUID:")) continue;
    return std::string(absl::StripAsciiWhitespace(line));
  }
  return "";
}

// What is next to the device at this place on the bus; older kernels tell only
// the node that it is of.
CpuSet NextTo(const std::string& root, const std::string& place) {
  const std::string device = absl::StrCat(root, "/sys/bus/pci/devices/", place);
  CpuSet near = CpusIn(device + "/local_cpulist");
  int node = -1;
  if (near.empty() &&
      absl::SimpleAtoi(
          absl::StripAsciiWhitespace(TextOf(device + "/numa_node")), &node) &&
      node >= 0) {
    near = CpusIn(
        absl::StrCat(root, "/sys/devices/system/node/node", node, "/cpulist"));
  }
  return near;
}

std::vector<CpuTopology::Gpu> Gpus(const std::string& root) {
  const std::string folder = root + "/proc/driver/nvidia/gpus";
  std::error_code error;
  std::set<std::string> places;
  for (std::filesystem::directory_iterator at(folder, error), end;
       !error && at != end; at.increment(error)) {
    places.insert(at->path().filename().string());
  }
  std::vector<CpuTopology::Gpu> gpus;
  for (const std::string& place : places) {
    std::string uuid =
        UuidIn(TextOf(absl::StrCat(folder, "/", place, "/information")));
    if (uuid.empty()) continue;
    gpus.push_back({std::move(uuid), NextTo(root, place)});
  }
  return gpus;
}

}  // namespace

std::optional<CpuSet> ParseCpuList(absl::string_view text) {
  CpuSet cpus;
  for (const absl::string_view part :
       absl::StrSplit(absl::StripAsciiWhitespace(text), ',')) {
    const std::vector<absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0;
    int last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) ||
        !absl::SimpleAtoi(ends.back(), &last) || first < 0 || last < first ||
        last >= kMostCpus) {
      return std::nullopt;
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  }
  return cpus;
}

std::string FormatCpuList(const CpuSet& cpus) {
  std::vector<std::string> parts;
  for (auto first = cpus.begin(); first != cpus.end();) {
    auto next = std::next(first);
    int last = *first;
    for (; next != cpus.end() && *next == last + 1; ++next) last = *next;
    parts.push_back(last == *first ? absl::StrCat(last)
                                   : absl::StrCat(*first, "-", last));
    first = next;
  }
  return absl::StrJoin(parts, ",");
}

CpuTopology ReadCpuTopology(const std::string& root) {
  CpuTopology topology;
  topology.online = CpusIn(root + "/sys/devices/system/cpu/online");
  topology.core = Cores(root, topology.online);
  topology.gpus = Gpus(root);
  return topology;
}

}  // namespace lockstep
