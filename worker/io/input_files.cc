#include "worker/io/input_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/model_folder.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/sha256.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

constexpr char kConfigFile[] = "config.json";

absl::StatusOr<std::vector<std::string>> PathsOf(
    const std::string& model_dir, const std::string& adapter_dir) {
  ASSIGN_OR_RETURN(const WeightSource weights, WeightSource::Open(model_dir));
  std::vector<std::string> paths = weights.files();
  paths.push_back(JoinPath(model_dir, kConfigFile));
  for (const std::string& name : PassedThroughFiles(model_dir)) {
    paths.push_back(JoinPath(model_dir, name));
  }
  if (!adapter_dir.empty()) {
    paths.push_back(JoinPath(adapter_dir, kAdapterConfigFile));
    paths.push_back(JoinPath(adapter_dir, kAdapterWeightsFile));
  }
  return paths;
}

absl::Status Changed(const std::string& path, const std::string& how) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", how,
                   " since the job was prepared; submit the job again to train "
                   "with the files as they are now"));
}

const v1::InputFile* Find(const InputFiles& inputs, const std::string& path) {
  const auto found = std::find_if(
      inputs.begin(), inputs.end(),
      [&path](const v1::InputFile& input) { return input.path() == path; });
  return found == inputs.end() ? nullptr : &*found;
}

absl::Status CheckSameDigest(const v1::InputFile* prepared,
                             const std::string& path,
                             const std::string& digest) {
  if (prepared == nullptr) return Changed(path, "is new");
  if (prepared->sha256() == digest) return absl::OkStatus();
  return Changed(path, absl::StrCat("has changed (SHA-256 ", prepared->sha256(),
                                    ", now ", digest, ")"));
}

}  // namespace

absl::StatusOr<InputFiles> DigestInputs(
    const std::string& model_dir, const std::string& adapter_dir,
    const std::function<void(const std::string& path)>& at) {
  ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                   PathsOf(model_dir, adapter_dir));
  InputFiles inputs;
  for (const std::string& path : paths) {
    at(path);
    ASSIGN_OR_RETURN(std::string digest, Sha256OfFile(path));
    v1::InputFile& input = inputs.emplace_back();
    input.set_path(path);
    input.set_sha256(std::move(digest));
  }
  return inputs;
}

absl::Status CheckSameInputs(const InputFiles& prepared,
                             const InputFiles& now) {
  for (const v1::InputFile& input : now) {
    RETURN_IF_ERROR(CheckSameDigest(Find(prepared, input.path()), input.path(),
                                    input.sha256()));
  }
  for (const v1::InputFile& input : prepared) {
    if (Find(now, input.path()) == nullptr) {
      return Changed(input.path(), "is gone");
    }
  }
  return absl::OkStatus();
}

std::string DigestOfModel(const InputFiles& inputs,
                          const std::string& model_dir) {
  const std::string config = JoinPath(model_dir, kConfigFile);
  Sha256 all;
  for (const v1::InputFile& input : inputs) {
    const bool weights =
        absl::StartsWith(input.path(), JoinPath(model_dir, "")) &&
        absl::EndsWith(input.path(), ".safetensors");
    if (weights || input.path() == config) all.UpdateField(input.sha256());
  }
  return all.HexDigest();
}

absl::StatusOr<std::map<std::string, std::string>> ReadSideFiles(
    const std::string& model_dir, const InputFiles& inputs) {
  std::vector<std::string> names = PassedThroughFiles(model_dir);
  names.push_back(kConfigFile);
  std::map<std::string, std::string> files;
  for (const std::string& name : names) {
    const std::string path = JoinPath(model_dir, name);
    ASSIGN_OR_RETURN(std::string content, ReadWholeFile(path));
    RETURN_IF_ERROR(
        CheckSameDigest(Find(inputs, path), path, Sha256Hex(content)));
    files[name] = std::move(content);
  }
  return files;
}

}  // namespace lockstep
