#include "client/cli/command_nodes.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/format.h"
#include "client/cli/json.h"
#include "client/cli/table.h"

namespace lockstep::cli {
namespace {

std::string NodeId(const v1::Node& node) {
  return std::string(absl::StripPrefix(node.name(), "nodes/"));
}

// The job that has it, and why none gets it.
std::string HolderOf(const v1::Device& device) {
  std::string holder = JobIdOf(device.job());
  const std::string why =
      device.drained().empty() ? device.used_by() : device.drained();
  if (why.empty()) return holder;
  if (!holder.empty()) holder += ' ';
  return absl::StrCat(holder, "(", why, ")");
}

void AddDevice(const v1::Node& node, const v1::Device& device, Table& table) {
  table.AddRow(
      {NodeId(node), device.id(), v1::Device::Kind_Name(device.kind()),
       device.model(),
       device.memory_bytes() > 0 ? FormatBytes(device.memory_bytes()) : "",
       HolderOf(device)});
}

// GPUs first, then the slots of CPUs that jobs have; the free ones, which may
// be a hundred and are all alike, in one row.
void AddNode(const v1::Node& node, Table& table) {
  for (const v1::Device& device : node.devices()) {
    if (device.kind() != v1::Device::CPU) AddDevice(node, device, table);
  }
  int free = 0;
  for (const v1::Device& slot : node.devices()) {
    if (slot.kind() != v1::Device::CPU) continue;
    if (slot.job().empty() && slot.drained().empty()) {
      ++free;
    } else {
      AddDevice(node, slot, table);
    }
  }
  if (free == 0) return;
  table.AddRow({NodeId(node), absl::StrCat("cpu (", free, " free)"),
                v1::Device::Kind_Name(v1::Device::CPU), "", "", ""});
}

ExitStatus List(const CommandContext& context, JobClient& client) {
  const absl::StatusOr<std::vector<v1::Node>> nodes = client.Nodes();
  if (!nodes.ok()) return context.Report(nodes.status());
  if (context.console.json) {
    v1::ListNodesResponse response;
    *response.mutable_nodes() = {nodes->begin(), nodes->end()};
    context.console.out << ToJsonList(response);
    return ExitStatus::kSuccess;
  }
  Table table({"NODE", "DEVICE", "KIND", "MODEL", "MEMORY", "JOB"},
              context.console.room);
  for (const v1::Node& node : *nodes) AddNode(node, table);
  context.console.out << table.Render();
  return ExitStatus::kSuccess;
}

// The node of this name, unless a device is called so.
const v1::Node* FindNode(const std::vector<v1::Node>& nodes,
                         const std::string& name) {
  const v1::Node* found = nullptr;
  for (const v1::Node& node : nodes) {
    for (const v1::Device& device : node.devices()) {
      if (device.id() == name) return nullptr;
    }
    if (NodeId(node) == name) found = &node;
  }
  return found;
}

using DeviceChange =
    std::function<absl::StatusOr<v1::Device>(const std::string& device)>;

// One device, or all of a node, in turns: who tries again goes on.
ExitStatus ChangeDevices(const CommandContext& context, JobClient& client,
                         const std::string& name, const DeviceChange& change,
                         absl::string_view what) {
  const absl::StatusOr<std::vector<v1::Node>> nodes = client.Nodes();
  if (!nodes.ok()) return context.Report(nodes.status());
  const v1::Node* node = FindNode(*nodes, name);
  v1::Node changed = node != nullptr ? *node : v1::Node();
  // One that no node has may be known of all the same.
  if (node == nullptr) changed.add_devices()->set_id(name);
  for (v1::Device& device : *changed.mutable_devices()) {
    absl::StatusOr<v1::Device> now = change(device.id());
    if (!now.ok()) return context.Report(now.status());
    device = *std::move(now);
    if (context.console.json) continue;
    context.console.out << device.id() << " " << what << "\n";
  }
  if (context.console.json) {
    context.console.out << (node != nullptr ? ToJson(changed)
                                            : ToJson(changed.devices(0)));
  }
  return ExitStatus::kSuccess;
}

constexpr char kDeviceHelp[] =
    "As nodes list shows it, or a node, for all it has";

void AddDrainDevice(CLI::App& nodes, CommandContext& context) {
  CLI::App* drain = nodes.add_subcommand(
      "drain",
      "Give a device, or all of a node, to no job; who has one keeps it");
  auto device = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  drain->add_option("DEVICE", *device, kDeviceHelp)->required();
  drain->add_option("--reason", *reason, "Shown to those who wait for it")
      ->required();
  drain->callback([&context, device, reason] {
    context.run = [&context, device, reason] {
      return WithClient(context, [&](JobClient& client) {
        return ChangeDevices(
            context, client, *device,
            [&](const std::string& id) {
              return client.DrainDevice(id, *reason);
            },
            "is drained");
      });
    };
  });
}

void AddUndrainDevice(CLI::App& nodes, CommandContext& context) {
  CLI::App* undrain = nodes.add_subcommand(
      "undrain",
      "Give a device, or all of a node, to jobs again, one excluded after a "
      "fault, too");
  auto device = std::make_shared<std::string>();
  undrain->add_option("DEVICE", *device, kDeviceHelp)->required();
  undrain->callback([&context, device] {
    context.run = [&context, device] {
      return WithClient(context, [&](JobClient& client) {
        return ChangeDevices(
            context, client, *device,
            [&](const std::string& id) { return client.UndrainDevice(id); },
            "is given to jobs again");
      });
    };
  });
}

}  // namespace

void AddNodesCommand(CLI::App& app, CommandContext& context) {
  CLI::App* nodes = app.add_subcommand(
      "nodes", "Show what jobs run on, and take devices out of use");
  nodes->require_subcommand(1);
  AddDrainDevice(*nodes, context);
  AddUndrainDevice(*nodes, context);
  CLI::App* list = nodes->add_subcommand("list", "List devices by node");
  list->callback([&context] {
    context.run = [&context] {
      return WithClient(
          context, [&](JobClient& client) { return List(context, client); });
    };
  });
}

}  // namespace lockstep::cli
