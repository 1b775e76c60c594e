#include "client/cli/command_nodes.h"

#include <string>
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

void AddDevice(const v1::Node& node, const v1::Device& device, Table& table) {
  table.AddRow(
      {NodeId(node), device.id(), v1::Device::Kind_Name(device.kind()),
       device.model(),
       device.memory_bytes() > 0 ? FormatBytes(device.memory_bytes()) : "",
       device.used_by().empty() ? JobIdOf(device.job())
                                : absl::StrCat("(", device.used_by(), ")")});
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
    if (slot.job().empty()) {
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
  Table table({"NODE", "DEVICE", "KIND", "MODEL", "MEMORY", "JOB"});
  for (const v1::Node& node : *nodes) AddNode(node, table);
  context.console.out << table.Render();
  return ExitStatus::kSuccess;
}

}  // namespace

void AddNodesCommand(CLI::App& app, CommandContext& context) {
  CLI::App* nodes = app.add_subcommand("nodes", "Show what jobs run on");
  nodes->require_subcommand(1);
  CLI::App* list = nodes->add_subcommand("list", "List devices by node");
  list->callback([&context] {
    context.run = [&context] {
      return WithClient(
          context, [&](JobClient& client) { return List(context, client); });
    };
  });
}

}  // namespace lockstep::cli
