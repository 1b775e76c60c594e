#include "worker/plan_command.h"

#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "proto/contract/cuda_rules.h"
#include "proto/contract/status_macros.h"
#include "worker/command_result.h"
#include "worker/computing_commands.h"
#include "worker/io/spec_file.h"
#include "worker/model/buildable.h"
#include "worker/model/memory_needs.h"
#include "worker/train/gpu_memory.h"
#include "worker/train/memory_choice.h"
#include "worker/train/model_loading.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

struct PlanFlags {
  std::string spec_file;
  // 0: that of the GPU of this host, if there is one.
  double gpu_memory_gib = 0;
  bool json = false;
};

// One way to keep or make again what the backward pass needs.
struct Way {
  Recompute recompute;
  MemoryPlan plan;
  // Absent when no limit is known.
  std::optional<int64_t> most_tokens;
};

struct Overview {
  Placement placement;
  int64_t tokens = 0;
  std::optional<int64_t> limit_bytes;
  std::vector<Way> ways;
  absl::StatusOr<MemoryChoice> choice = absl::UnknownError("not chosen");
};

const Placement kGpu = {.device = c10::Device(c10::kCUDA, 0),
                        .compute = c10::kBFloat16};

std::optional<int64_t> GpuBytes(const PlanFlags& flags) {
  if (flags.gpu_memory_gib > 0) {
    return std::llround(flags.gpu_memory_gib * (int64_t{1} << 30));
  }
  const std::optional<GpuMemory> memory = GpuMemoryOf(kGpu);
  if (!memory.has_value()) return std::nullopt;
  return memory->total_bytes;
}

absl::StatusOr<Overview> Survey(const v1::JobSpec& spec,
                                const PlanFlags& flags) {
  ASSIGN_OR_RETURN(const ModelShape shape, ReadModelShape(spec));
  Overview overview;
  if (spec.resources().device() != v1::ResourceSpec::DEVICE_CPU) {
    overview.limit_bytes = GpuBytes(flags);
    // As auto decides: by whether there is a GPU.
    if (spec.resources().device() == v1::ResourceSpec::DEVICE_CUDA ||
        (overview.limit_bytes.has_value() && CudaViolations(spec).empty())) {
      overview.placement = kGpu;
    } else {
      overview.limit_bytes.reset();
    }
  }
  overview.tokens = MostSequences(spec) * spec.data().max_length();
  // Which GPU a given amount of memory belongs to, nobody knows.
  RETURN_IF_ERROR(CheckBuildable(
      shape.config, shape.method, overview.placement,
      flags.gpu_memory_gib > 0 ? std::nullopt : GpuOf(overview.placement)));
  MemoryRequest request = {.config = shape.config,
                           .method = shape.method,
                           .placement = overview.placement,
                           .options = {.max_tokens = overview.tokens,
                                       .max_document = spec.data().max_length(),
                                       .max_documents = MostDocuments(spec),
                                       .deterministic = IsDeterministic(spec),
                                       .ranks = spec.resources().ranks()}};
  for (const Recompute recompute : kRecomputeWays) {
    request.options.recompute = recompute;
    Way way = {recompute, PlanMemory(request), std::nullopt};
    if (overview.limit_bytes.has_value()) {
      way.most_tokens = MostTokens(request, *overview.limit_bytes);
    }
    overview.ways.push_back(std::move(way));
  }
  overview.choice = ChooseRecompute(spec, request, overview.limit_bytes);
  return overview;
}

// Whether it is known what the job has to fit.
bool Decided(const Overview& overview) {
  return overview.placement.device.is_cpu() || overview.limit_bytes.has_value();
}

const char* DeviceName(const Placement& placement) {
  return placement.device.is_cpu() ? "cpu" : "cuda";
}

std::string MiB(int64_t bytes) {
  return absl::StrFormat("%.1f",
                         static_cast<double>(bytes) / (int64_t{1} << 20));
}

void PrintLine(const std::string& label,
               const std::vector<std::string>& cells) {
  std::cout << absl::StrFormat("%-28s", label);
  for (const std::string& cell : cells) {
    std::cout << absl::StrFormat("%14s", cell);
  }
  std::cout << "\n";
}

template <typename CellOf>
void PrintRow(const Overview& overview, const std::string& label,
              CellOf cell_of) {
  std::vector<std::string> cells;
  for (const Way& way : overview.ways) cells.push_back(cell_of(way));
  PrintLine(label, cells);
}

void Print(const v1::JobSpec& spec, const Overview& overview) {
  std::cout << "a rank on " << DeviceName(overview.placement)
            << ", micro-batches of up to " << overview.tokens << " tokens ("
            << MostSequences(spec) << " x " << spec.data().max_length()
            << "); MiB\n\n";
  PrintRow(overview, "train.recompute", [](const Way& way) {
    return std::string(RecomputeName(way.recompute));
  });
  const MemoryPlan& first = overview.ways.front().plan;
  for (size_t line = 0; line < first.size(); ++line) {
    PrintRow(overview, first[line].purpose,
             [line](const Way& way) { return MiB(way.plan[line].bytes); });
  }
  PrintRow(overview, "total",
           [](const Way& way) { return MiB(TotalBytes(way.plan)); });
  if (overview.limit_bytes.has_value()) {
    PrintRow(overview,
             absl::StrCat("most tokens in ", MiB(*overview.limit_bytes)),
             [](const Way& way) { return absl::StrCat(*way.most_tokens); });
    const int64_t length = spec.data().max_length();
    PrintRow(overview, absl::StrCat("sequences of ", length),
             [length](const Way& way) {
               return absl::StrCat(*way.most_tokens / length);
             });
  }
  if (!Decided(overview)) {
    std::cout << "\nthere is no GPU here: --gpu-memory says what to plan for\n";
  } else if (overview.choice.ok()) {
    std::cout << "\nit trains with train.recompute: "
              << RecomputeName(overview.choice->recompute) << "\n";
  }
}

void PrintJson(const v1::JobSpec& spec, const Overview& overview) {
  Json ways = Json::array();
  for (const Way& way : overview.ways) {
    Json lines = Json::array();
    for (const MemoryLine& line : way.plan) {
      lines.push_back({{"purpose", line.purpose}, {"bytes", line.bytes}});
    }
    Json one = {{"recompute", RecomputeName(way.recompute)},
                {"lines", std::move(lines)},
                {"total_bytes", TotalBytes(way.plan)}};
    if (way.most_tokens.has_value()) one["most_tokens"] = *way.most_tokens;
    ways.push_back(std::move(one));
  }
  Json json = {{"device", overview.placement.device.is_cpu() ? "cpu" : "cuda"},
               {"sequences", MostSequences(spec)},
               {"max_length", spec.data().max_length()},
               {"tokens", overview.tokens},
               {"ways", std::move(ways)}};
  if (overview.limit_bytes.has_value()) {
    json["limit_bytes"] = *overview.limit_bytes;
  }
  if (Decided(overview) && overview.choice.ok()) {
    json["recompute"] = RecomputeName(overview.choice->recompute);
  }
  std::cout << json.dump(2) << "\n";
}

// A job that does not fit is shown too, and then said so.
absl::Status Plan(const PlanFlags& flags) {
  ASSIGN_OR_RETURN(const v1::JobSpec spec, ReadSpecFile(flags.spec_file));
  ASSIGN_OR_RETURN(const Overview overview, Survey(spec, flags));
  if (flags.json) {
    PrintJson(spec, overview);
  } else {
    Print(spec, overview);
  }
  if (overview.choice.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(overview.choice.status().message());
}

}  // namespace

void AddPlanCommand(CLI::App& app, std::function<int()>* run) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* command =
      app.add_subcommand(kPlanCommand.name, kPlanCommand.description);
  command->add_option("--spec", flags->spec_file, "The resolved JobSpec, JSON")
      ->required();
  command
      ->add_option("--gpu-memory", flags->gpu_memory_gib,
                   "GiB of a GPU [that of this host's first]")
      ->check(CLI::PositiveNumber);
  auto output = std::make_shared<std::string>("table");
  command->add_option("--output", *output, "table or json [table]")
      ->check(CLI::IsMember({"table", "json"}));
  command->callback([flags, output, run] {
    flags->json = *output == "json";
    *run = [flags] { return CommandResult("plan", Plan(*flags)); };
  });
}

}  // namespace lockstep
