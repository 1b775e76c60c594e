#include "worker/export/export_adapter.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/io/checkpoint.h"
#include "worker/io/file.h"
#include "worker/io/hf_config.h"
#include "worker/io/model_folder.h"
#include "worker/io/peft_adapter.h"

namespace lockstep {
namespace {

absl::Status WriteAdapter(const PeftAdapter& adapter, const ModelConfig& config,
                          const std::string& dir) {
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, shape] :
       ExpectedAdapterTensors(config, adapter.config())) {
    std::vector<float>& tensor =
        values.emplace_back(static_cast<size_t>(NumElements(shape)));
    RETURN_IF_ERROR(adapter.ReadFloat32(name, shape, tensor.data()));
    tensors.push_back({name, shape, tensor.data()});
  }
  return WritePeftAdapter(dir, adapter.config(), tensors);
}

}  // namespace

bool HoldsAdapter(const std::string& checkpoint) {
  return FileExists(JoinPath(checkpoint, kAdapterConfigFile));
}

absl::Status ExportAdapter(const ExportOptions& options) {
  if (options.dtype != "source") {
    return absl::InvalidArgumentError(
        absl::StrCat("--dtype ", options.dtype,
                     ": an adapter is float32; with --merge the whole model is "
                     "written as ",
                     options.dtype));
  }
  if (FileExists(JoinPath(options.checkpoint, kManifestFile))) {
    RETURN_IF_ERROR(Checkpoint::Open(options.checkpoint).status());
  }
  ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(options.base));
  ASSIGN_OR_RETURN(const PeftAdapter adapter,
                   PeftAdapter::Open(options.checkpoint, config));
  return WriteFolder(options.output, [&](const std::string& dir) {
    RETURN_IF_ERROR(WriteAdapter(adapter, config, dir));
    RETURN_IF_ERROR(CopyTokenizerFiles(options.base, dir));
    return WriteChatTemplate(options.chat_template, dir);
  });
}

}  // namespace lockstep
