#include "client/cli/spec_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/contract/job_spec.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;

// Also the most a coordinator takes, so nothing larger is worth parsing.
constexpr size_t kMaxFileBytes = 64 << 10;

// Length of the UTF-8 sequence at the front; 0 when it is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned lead = byte(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and beyond U+10FFFF.
  const unsigned second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

// The place of the first byte that is not UTF-8; line 0 when all is well.
Position FindBadUtf8(absl::string_view text) {
  Position position{1, 1};
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return position;
    if (text[0] == '\n') {
      ++position.line;
      position.column = 0;
    }
    ++position.column;
    text.remove_prefix(length);
  }
  return {};
}

std::vector<YAML::Node> LoadDocuments(const std::string& text, SpecFile* file) {
  if (text.size() > kMaxFileBytes) {
    file->problems.push_back(
        {{}, "", absl::StrCat("more than ", kMaxFileBytes, " bytes")});
    return {};
  }
  const Position bad = FindBadUtf8(text);
  if (bad.line > 0) {
    file->problems.push_back({bad, "", "this byte is not UTF-8"});
    return {};
  }
  try {  // yaml-cpp reports by throwing.
    return YAML::LoadAll(text);
  } catch (const YAML::Exception& error) {
    file->problems.push_back(
        {{error.mark.line + 1, error.mark.column + 1}, "", error.msg});
    return {};
  }
}

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

absl::StatusOr<std::string> ReadText(const std::string& name) {
  // One byte more than is allowed tells that there is more.
  std::string text(kMaxFileBytes + 1, '\0');
  if (name == "-") {
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(std::cin.gcount());
    return text;
  }
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": is a folder"));
  }
  std::ifstream file(name, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": cannot be read: ", std::strerror(errno)));
  }
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(file.gcount());
  return text;
}

}  // namespace

SpecFile ParseSpec(absl::string_view name, absl::string_view folder,
                   const std::string& text) {
  SpecFile file;
  file.name = std::string(name);
  file.folder = std::string(folder);
  const std::vector<YAML::Node> documents = LoadDocuments(text, &file);
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
  const absl::StatusOr<std::string> text = ReadText(name);
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
