#include "client/cli/spec_file.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/yaml_text.h"
#include "proto/contract/job_spec.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;

// The position of a field, or of the nearest field around it.
Position FindPosition(const std::map<std::string, Position>& positions,
                      std::string field) {
  while (true) {
    const auto found = positions.find(field);
    if (found != positions.end()) return found->second;
    const size_t cut = field.find_last_of(".[");
    if (cut == std::string::npos) return {};
    field.resize(cut);
  }
}

// As one reads the file.
void SortByPosition(std::vector<SpecProblem>* problems) {
  std::stable_sort(problems->begin(), problems->end(),
                   [](const SpecProblem& a, const SpecProblem& b) {
                     return std::pair(a.position.line, a.position.column) <
                            std::pair(b.position.line, b.position.column);
                   });
}

void MakeAbsolute(const std::string& folder, std::string* path) {
  if (path->empty() || (*path)[0] == '/') return;
  *path = (fs::path(folder) / *path).lexically_normal().string();
}

}  // namespace

SpecFile ParseSpec(absl::string_view name, absl::string_view folder,
                   const std::string& text) {
  SpecFile file;
  file.name = std::string(name);
  file.folder = std::string(folder);
  const std::vector<YAML::Node> documents = LoadYaml(text, &file.problems);
  if (!file.problems.empty()) return file;
  if (documents.size() != 1 || documents[0].IsNull()) {
    file.problems.push_back(
        {{},
         "",
         documents.size() > 1
             ? absl::StrCat("holds ", documents.size(),
                            " documents; one job a file")
             : "is empty; the least is apiVersion, model, method, data and "
               "output_dir"});
    return file;
  }
  YamlReader reader;
  reader.ReadMessage(documents[0], "", &file.spec);
  file.problems = reader.problems();
  SortByPosition(&file.problems);
  file.positions = reader.positions();
  return file;
}

absl::StatusOr<SpecFile> ReadSpecFile(const std::string& name) {
  const absl::StatusOr<std::string> text = ReadYamlText(name);
  if (!text.ok()) return text.status();
  std::error_code error;
  fs::path folder = fs::current_path(error);
  if (name != "-") folder = (folder / name).parent_path();
  return ParseSpec(name == "-" ? "<stdin>" : name,
                   folder.lexically_normal().string(), *text);
}

void ResolvePaths(SpecFile* file) {
  v1::JobSpec& spec = file->spec;
  MakeAbsolute(file->folder, spec.mutable_output_dir());
  if (spec.has_model()) {
    MakeAbsolute(file->folder, spec.mutable_model()->mutable_path());
    if (spec.model().has_adapter()) {
      MakeAbsolute(file->folder, spec.mutable_model()->mutable_adapter());
    }
  }
  if (!spec.has_data()) return;
  for (v1::DataSource& source : *spec.mutable_data()->mutable_train()) {
    MakeAbsolute(file->folder, source.mutable_path());
  }
  if (spec.data().has_eval()) {
    MakeAbsolute(file->folder,
                 spec.mutable_data()->mutable_eval()->mutable_path());
  }
}

void CheckSpec(SpecFile* file) {
  v1::JobSpec resolved = file->spec;
  ApplyDefaults(&resolved);
  for (const FieldViolation& violation : ValidateJobSpec(resolved)) {
    file->problems.push_back({FindPosition(file->positions, violation.field),
                              violation.field, violation.description});
  }
  SortByPosition(&file->problems);
}

std::string FormatProblem(const SpecFile& file, const SpecProblem& problem) {
  std::string place = file.name;
  if (problem.position.line > 0) {
    absl::StrAppend(&place, ":", problem.position.line, ":",
                    problem.position.column);
  }
  return absl::StrCat(place, ": ", problem.field,
                      problem.field.empty() ? "" : ": ", problem.message);
}

}  // namespace lockstep::cli
