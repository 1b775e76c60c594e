#include "client/cli/job_input.h"

#include "absl/strings/str_cat.h"
#include "client/cli/hub_cache.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

absl::Status AddLabel(const std::string& label, v1::JobSpec* spec) {
  const size_t equals = label.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--label ", label, ": is not of the form key=value"));
  }
  (*spec->mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  return absl::OkStatus();
}

}  // namespace

void SpecFlags::AddTo(CLI::App& app) {
  app.add_option("--label", labels, "key=value; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--set", settings,
                 "path=value, as in train.learning_rate=1e-4; may be repeated")
      ->allow_extra_args(false);
}

absl::Status SpecFlags::ApplyTo(v1::JobSpec& spec) const {
  for (const std::string& setting : settings) {
    RETURN_IF_ERROR(ApplySetting(setting, &spec));
  }
  for (const std::string& label : labels) {
    RETURN_IF_ERROR(AddLabel(label, &spec));
  }
  return absl::OkStatus();
}

void JobInput::AddTo(CLI::App& app) {
  app.add_option("FILE", file, "Job file (YAML); - reads standard input")
      ->required();
  app.add_option("--name", name, "Id of the job, instead of the file's name");
  flags.AddTo(app);
}

absl::StatusOr<SpecFile> JobInput::Load() const {
  ASSIGN_OR_RETURN(SpecFile loaded, ReadSpecFile(file));
  RETURN_IF_ERROR(flags.ApplyTo(loaded.spec));
  if (!name.empty()) loaded.spec.set_name(name);
  ResolveAndCheck(loaded);
  return loaded;
}

void ResolveAndCheck(SpecFile& file) {
  ResolveHubIds(&file);
  ResolvePaths(&file);
  // What could not be read would only be reported again as missing.
  if (file.problems.empty()) CheckSpec(&file);
}

}  // namespace lockstep::cli
