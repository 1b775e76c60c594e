#include "worker/train/run_result.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/hub_snapshot.h"
#include "worker/io/model_folder.h"
#include "worker/train/named_tensors.h"

namespace lockstep {
namespace {

constexpr char kConfigFile[] = "config.json";

absl::Status WriteSideFiles(const std::map<std::string, std::string>& files,
                            bool is_adapter, const std::string& dir) {
  for (const std::string& name : PassedThroughFiles(dir)) {
    if (!files.contains(name)) RETURN_IF_ERROR(RemoveTree(JoinPath(dir, name)));
  }
  for (const auto& [name, content] : files) {
    if (is_adapter && name == kConfigFile) continue;
    RETURN_IF_ERROR(
        WriteWholeFile(JoinPath(dir, name), content, /*sync=*/true));
  }
  return absl::OkStatus();
}

// What the model was trained with is what it is to be used with.
std::optional<std::string> OwnTemplate(const v1::JobSpec& spec) {
  if (!spec.model().has_chat_template()) return std::nullopt;
  return spec.model().chat_template();
}

}  // namespace

PeftConfig PeftConfigOf(const v1::JobSpec& spec,
                        std::vector<std::string> targets) {
  const v1::LoraSpec& lora = spec.method().lora();
  std::sort(targets.begin(), targets.end());
  const std::optional<HubSnapshot> hub = HubSnapshotOf(spec.model().path());
  return {.base_model_name_or_path =
              hub.has_value() ? hub->id : spec.model().path(),
          .revision = hub.has_value() ? hub->commit : "",
          .r = lora.r(),
          .lora_alpha = lora.alpha(),
          .lora_dropout = lora.dropout(),
          .use_rslora = lora.use_rslora(),
          .target_modules = std::move(targets)};
}

absl::Status WriteRunResult(
    const v1::JobSpec& spec, ModelWeights& weights,
    const std::map<std::string, std::string>& side_files,
    const TrainerState& history,
    const std::function<absl::Status()>& may_publish) {
  const Parameters& parameters = *weights.parameters();
  const at::Tensor values = parameters.values().cpu();
  const std::vector<NamedTensor> tensors = NamedTensors(parameters, values);
  const auto fill = [&](const std::string& dir) -> absl::Status {
    if (spec.method().has_lora()) {
      RETURN_IF_ERROR(WritePeftAdapter(
          dir, PeftConfigOf(spec, weights.method().lora.target_modules),
          tensors));
    } else {
      RETURN_IF_ERROR(
          WriteModelFolder(dir, {.source_dir = spec.model().path()}, tensors));
    }
    RETURN_IF_ERROR(WriteSideFiles(side_files, spec.method().has_lora(), dir));
    RETURN_IF_ERROR(WriteChatTemplate(OwnTemplate(spec), dir));
    RETURN_IF_ERROR(WriteWholeFile(JoinPath(dir, kTrainerStateFile),
                                   TrainerStateToJson(history), /*sync=*/true));
    return may_publish();
  };
  return WriteFilesInto(spec.output_dir(), /*last=*/kTrainerStateFile, fill);
}

}  // namespace lockstep
