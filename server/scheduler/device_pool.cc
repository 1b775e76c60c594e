#include "server/scheduler/device_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/contract/cuda_rules.h"
#include "proto/contract/errors.h"
#include "server/launcher/slurm_text.h"

namespace lockstep {
namespace {

// In a sentence; `nodes list` has all.
constexpr int kMostDrainedNamed = 3;

bool Is(const v1::Device& device, v1::Device::Kind kind,
        absl::string_view model) {
  return device.kind() == kind &&
         (model.empty() ||
          absl::StrContains(absl::AsciiStrToLower(device.model()), model));
}

std::string HostName(const v1::Node& node) {
  return std::string(absl::StripPrefix(node.name(), "nodes/"));
}

absl::Status WithoutEngine(const v1::ResourceSpec& resources) {
  constexpr char kWhy[] =
      "only where Slurm places ranks, which is not so here (lockstepd "
      "--engine local)";
  std::vector<FieldViolation> violations;
  if (resources.nodes() > 1) {
    violations.push_back(
        {"resources.nodes",
         absl::StrCat(resources.nodes(), " is allowed ", kWhy, "; at most 1")});
  }
  if (resources.has_slurm()) {
    violations.push_back(
        {"resources.slurm", absl::StrCat("is allowed ", kWhy)});
  }
  return violations.empty() ? absl::OkStatus()
                            : errors::InvalidSpec(violations);
}

}  // namespace

absl::string_view DeviceKindName(v1::Device::Kind kind) {
  return kind == v1::Device::CUDA ? "cuda" : "cpu";
}

std::string DrainedInWords(const std::map<std::string, std::string>& drained) {
  if (drained.empty()) return "";
  std::vector<std::string> named;
  for (const auto& [device, reason] : drained) {
    if (static_cast<int>(named.size()) == kMostDrainedNamed) break;
    named.push_back(absl::StrCat(device, ": ", reason));
  }
  const size_t more = drained.size() - named.size();
  if (more > 0) named.push_back(absl::StrCat(more, " more"));
  return absl::StrCat(", ", drained.size(), " out of use (",
                      absl::StrJoin(named, "; "), ")");
}

bool DevicePool::Slot::Is(v1::Device::Kind wanted,
                          absl::string_view part) const {
  return kind == wanted && (part.empty() || absl::StrContains(model, part));
}

DevicePool::DevicePool(std::vector<v1::Node> nodes) : nodes_(std::move(nodes)) {
  for (const v1::Node& node : nodes_) {
    const std::string host = HostName(node);
    for (const v1::Device& device : node.devices()) {
      slots_.push_back({.kind = device.kind(),
                        .model = absl::AsciiStrToLower(device.model()),
                        .key = {host, device.id()}});
    }
  }
}

DeviceDemand DevicePool::DemandOf(const v1::JobSpec& spec) const {
  const v1::ResourceSpec& resources = spec.resources();
  DeviceDemand demand;
  demand.count = resources.has_ranks() ? resources.ranks() : 1;
  if (resources.has_gpus()) demand.count = resources.gpus();
  demand.model = absl::AsciiStrToLower(resources.gpu_model());
  const bool wants_cuda =
      resources.has_gpus() ||
      (resources.device() != v1::ResourceSpec::DEVICE_CPU &&
       !demand.model.empty()) ||
      resources.device() == v1::ResourceSpec::DEVICE_CUDA ||
      (resources.device() != v1::ResourceSpec::DEVICE_CPU &&
       Total(v1::Device::CUDA) > 0 && CudaViolations(spec).empty());
  if (wants_cuda) demand.kind = v1::Device::CUDA;
  return demand;
}

int DevicePool::Total(v1::Device::Kind kind, absl::string_view model) const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(),
                    [&](const Slot& slot) { return slot.Is(kind, model); }));
}

std::vector<DevicePlace> DevicePool::All(v1::Device::Kind kind,
                                         absl::string_view model) const {
  std::vector<DevicePlace> all;
  for (const Slot& slot : slots_) {
    if (slot.Is(kind, model)) all.push_back(slot.Place());
  }
  return all;
}

std::vector<DevicePlace> DevicePool::Free(v1::Device::Kind kind,
                                          absl::string_view model) const {
  std::vector<DevicePlace> free;
  for (const Slot& slot : slots_) {
    if (slot.Is(kind, model) && IsFree(slot.key) && !kept_.contains(slot.key)) {
      free.push_back(slot.Place());
    }
  }
  return free;
}

std::vector<DevicePlace> DevicePool::FreeFor(const std::string& job) const {
  std::vector<DevicePlace> free;
  for (const auto& [key, owner] : kept_) {
    if (owner == job && IsFree(key)) free.push_back({key.first, key.second});
  }
  return free;
}

int DevicePool::Kept(v1::Device::Kind kind, absl::string_view model) const {
  int kept = 0;
  for (const v1::Node& node : nodes_) {
    const std::string host = HostName(node);
    for (const v1::Device& device : node.devices()) {
      const Key key = {host, device.id()};
      kept += Is(device, kind, model) && IsFree(key) && kept_.contains(key);
    }
  }
  return kept;
}

void DevicePool::ForEachHeld(
    v1::Device::Kind kind, absl::string_view model,
    absl::FunctionRef<void(const DevicePlace&, const std::string&)> visit)
    const {
  for (const Slot& slot : slots_) {
    if (!slot.Is(kind, model)) continue;
    const auto found = holder_.find(slot.key);
    if (found != holder_.end()) visit(slot.Place(), found->second);
  }
}

std::map<std::string, std::vector<DevicePlace>> DevicePool::HeldPlaces(
    v1::Device::Kind kind, absl::string_view model) const {
  std::map<std::string, std::vector<DevicePlace>> held;
  ForEachHeld(kind, model, [&](const auto& place, const auto& holder) {
    held[holder].push_back(place);
  });
  return held;
}

std::map<std::string, int> DevicePool::Holders(v1::Device::Kind kind,
                                               absl::string_view model) const {
  std::map<std::string, int> holders;
  for (const auto& [job, places] : HeldPlaces(kind, model)) {
    holders[job] = static_cast<int>(places.size());
  }
  return holders;
}

int DevicePool::UsedByOthers(v1::Device::Kind kind,
                             absl::string_view model) const {
  int used = 0;
  for (const v1::Node& node : nodes_) {
    const std::string host = HostName(node);
    for (const v1::Device& device : node.devices()) {
      used += Is(device, kind, model) &&
              !holder_.contains({host, device.id()}) &&
              foreign_uses_.contains(device.id()) &&
              !drained_.contains(device.id());
    }
  }
  return used;
}

std::map<std::string, std::string> DevicePool::Drained(
    v1::Device::Kind kind, absl::string_view model) const {
  std::map<std::string, std::string> drained;
  for (const v1::Node& node : nodes_) {
    for (const v1::Device& device : node.devices()) {
      const auto found = drained_.find(device.id());
      if (Is(device, kind, model) && found != drained_.end()) {
        drained.insert(*found);
      }
    }
  }
  return drained;
}

int DevicePool::DrainedAndIdle(v1::Device::Kind kind,
                               absl::string_view model) const {
  int idle = 0;
  for (const v1::Node& node : nodes_) {
    const std::string host = HostName(node);
    for (const v1::Device& device : node.devices()) {
      idle += Is(device, kind, model) && drained_.contains(device.id()) &&
              !holder_.contains({host, device.id()});
    }
  }
  return idle;
}

bool DevicePool::Has(absl::string_view device) const {
  for (const v1::Node& node : nodes_) {
    for (const v1::Device& candidate : node.devices()) {
      if (candidate.id() == device) return true;
    }
  }
  return false;
}

void DevicePool::SetDrained(std::map<std::string, std::string> drained) {
  drained_ = std::move(drained);
  ++version_;
}

bool DevicePool::SetForeignUses(std::map<std::string, std::string> uses) {
  if (uses == foreign_uses_) return false;
  foreign_uses_ = std::move(uses);
  ++version_;
  return true;
}

bool DevicePool::IsOfEngine() const {
  return !nodes_.empty() && nodes_[0].devices_size() > 0 &&
         absl::StartsWith(nodes_[0].devices(0).id(), kSlurmSlot);
}

absl::Status DevicePool::CheckFits(const v1::JobSpec& spec) const {
  if (!IsOfEngine()) {
    if (absl::Status allowed = WithoutEngine(spec.resources()); !allowed.ok()) {
      return allowed;
    }
  }
  const DeviceDemand demand = DemandOf(spec);
  const int total = Total(demand.kind, demand.model);
  if (demand.count <= total) return absl::OkStatus();
  const std::string model =
      demand.model.empty()
          ? ""
          : absl::StrCat(" (", spec.resources().gpu_model(), ")");
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_DEVICES",
      absl::StrCat("resources.ranks: ", demand.count, " ",
                   DeviceKindName(demand.kind), " devices", model,
                   " are wanted, this cluster has ", total),
      {{"wanted", absl::StrCat(demand.count)},
       {"available", absl::StrCat(total)},
       {"device", std::string(DeviceKindName(demand.kind))}});
}

void DevicePool::Reserve(const std::string& job,
                         const std::vector<DevicePlace>& places) {
  for (const DevicePlace& place : places) {
    holder_[{place.node, place.device}] = job;
  }
  ++version_;
}

void DevicePool::Release(const std::string& job) {
  std::erase_if(holder_, [&](const auto& entry) {
    if (entry.second != job) return false;
    // What was seen on it so far was the job; if not, it is seen again.
    foreign_uses_.erase(entry.first.second);
    return true;
  });
  ++version_;
}

std::vector<DevicePlace> DevicePool::HeldBy(const std::string& job,
                                            v1::Device::Kind kind,
                                            absl::string_view model) const {
  std::vector<DevicePlace> held;
  for (const v1::Node& node : nodes_) {
    const std::string host = HostName(node);
    for (const v1::Device& device : node.devices()) {
      const auto found = holder_.find({host, device.id()});
      if (Is(device, kind, model) && found != holder_.end() &&
          found->second == job && !drained_.contains(device.id())) {
        held.push_back({host, device.id()});
      }
    }
  }
  return held;
}

void DevicePool::Keep(const std::string& job,
                      const std::vector<DevicePlace>& places) {
  for (const v1::Node& node : nodes_) {
    const std::string host = HostName(node);
    for (const v1::Device& device : node.devices()) {
      const DevicePlace place{host, device.id()};
      if (std::find(places.begin(), places.end(), place) != places.end()) {
        kept_[{host, device.id()}] = job;
      }
    }
  }
}

void DevicePool::KeepNothing(const std::string& job) {
  std::erase_if(kept_, [&](const auto& entry) { return entry.second == job; });
}

std::set<std::string> DevicePool::Takers() const {
  std::set<std::string> takers;
  for (const auto& [key, owner] : kept_) takers.insert(owner);
  return takers;
}

bool DevicePool::IsKeptFrom(const std::string& job,
                            const DevicePlace& place) const {
  const auto kept = kept_.find({place.node, place.device});
  return kept != kept_.end() && kept->second != job;
}

std::vector<DevicePlace> DevicePool::KeptFor(const std::string& job) const {
  std::vector<DevicePlace> kept;
  for (const auto& [key, owner] : kept_) {
    if (owner == job && !drained_.contains(key.second)) {
      kept.push_back({key.first, key.second});
    }
  }
  return kept;
}

std::set<std::string> DevicePool::HoldersOfKept(const std::string& job) const {
  std::set<std::string> holders;
  for (const auto& [key, owner] : kept_) {
    const auto held = holder_.find(key);
    if (owner == job && held != holder_.end()) holders.insert(held->second);
  }
  return holders;
}

std::vector<v1::Node> DevicePool::Nodes() const {
  std::vector<v1::Node> nodes = nodes_;
  for (v1::Node& node : nodes) {
    const std::string host = HostName(node);
    for (v1::Device& device : *node.mutable_devices()) {
      const auto held = holder_.find({host, device.id()});
      device.set_job(held == holder_.end() ? "" : held->second);
      const auto used = foreign_uses_.find(device.id());
      const bool is_others =
          held == holder_.end() && used != foreign_uses_.end();
      device.set_used_by(is_others ? used->second : "");
      const auto drained = drained_.find(device.id());
      device.set_drained(drained == drained_.end() ? "" : drained->second);
    }
  }
  return nodes;
}

}  // namespace lockstep
