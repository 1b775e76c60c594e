#include "client/cli/config_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/nearest.h"
#include "client/cli/private_file.h"
#include "client/cli/spec_file.h"
#include "client/cli/yaml_text.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> NamesOf(const Config& config) {
  std::vector<std::string> names;
  for (const Context& context : config.contexts()) {
    names.push_back(context.name());
  }
  return names;
}

// What the reader of fields cannot know.
void CheckConfig(const Config& config,
                 const std::map<std::string, Position>& positions,
                 std::vector<SpecProblem>& problems) {
  const auto add = [&](const std::string& field, const std::string& message) {
    const auto at = positions.find(field);
    problems.push_back(
        {at == positions.end() ? Position{} : at->second, field, message});
  };
  std::set<std::string> seen;
  for (int i = 0; i < config.contexts_size(); ++i) {
    const Context& context = config.contexts(i);
    const std::string path = absl::StrCat("contexts[", i, "]");
    if (context.name().empty()) add(path, "has no name");
    if (context.server().empty()) add(path, "has no server");
    if (!seen.insert(context.name()).second) {
      add(path + ".name",
          absl::StrCat("\"", context.name(), "\" is there twice"));
    }
  }
  if (!config.current().empty() && !seen.contains(config.current())) {
    add("current",
        absl::StrCat("\"", config.current(), "\" is none of the contexts: ",
                     absl::StrJoin(seen, ", ")));
  }
}

SpecFile ParseConfig(const std::string& path, const std::string& text,
                     Config* config) {
  SpecFile file;
  file.name = path;
  const std::vector<YAML::Node> documents = LoadYaml(text, &file.problems);
  if (!file.problems.empty() || documents.empty() || documents[0].IsNull()) {
    return file;
  }
  if (documents.size() > 1 || !documents[0].IsMap()) {
    file.problems.push_back(
        {{1, 1}, "", "holds no single mapping, as in current: NAME"});
    return file;
  }
  YamlReader reader;
  reader.ReadMessage(documents[0], "", config);
  file.problems = reader.problems();
  if (file.problems.empty()) {
    CheckConfig(*config, reader.positions(), file.problems);
  }
  return file;
}

void EmitField(YAML::Emitter& out, const char* key, const std::string& value) {
  if (!value.empty()) out << YAML::Key << key << YAML::Value << value;
}

std::string ConfigText(const Config& config) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  EmitField(out, "current", config.current());
  out << YAML::Key << "contexts" << YAML::Value << YAML::BeginSeq;
  for (const Context& context : config.contexts()) {
    out << YAML::BeginMap;
    EmitField(out, "name", context.name());
    EmitField(out, "server", context.server());
    EmitField(out, "token_file", context.token_file());
    EmitField(out, "tls_ca", context.tls_ca());
    EmitField(out, "tls_cert", context.tls_cert());
    EmitField(out, "tls_key", context.tls_key());
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;
  return absl::StrCat(out.c_str(), "\n");
}

}  // namespace

std::string ConfigPath(const Environment& environment) {
  std::string path = environment("LOCKSTEP_CONFIG");
  if (!path.empty()) return path;
  std::string folder = environment("XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = environment("HOME");
    if (home.empty()) return "";
    folder = home + "/.config";
  }
  return folder + "/lockstep/config.yaml";
}

absl::StatusOr<Config> ReadConfig(const std::string& path) {
  Config config;
  std::error_code ignored;
  if (path.empty() || !fs::exists(path, ignored)) return config;
  ASSIGN_OR_RETURN(const std::string text, ReadYamlText(path));
  const SpecFile file = ParseConfig(path, text, &config);
  if (file.problems.empty()) return config;
  std::vector<std::string> lines;
  for (const SpecProblem& problem : file.problems) {
    lines.push_back(FormatProblem(file, problem));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

absl::Status WriteConfig(const std::string& path, const Config& config) {
  const std::string folder = fs::path(path).parent_path().string();
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": this folder cannot be made: ", error.message()));
  }
  const std::string unfinished = path + ".new";
  std::remove(unfinished.c_str());
  ASSIGN_OR_RETURN(PrivateFile file, PrivateFile::Create(unfinished));
  RETURN_IF_ERROR(file.Append(ConfigText(config)));
  RETURN_IF_ERROR(file.Commit());
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "write " + path);
    std::remove(unfinished.c_str());
    return status;
  }
  return absl::OkStatus();
}

const Context* FindContext(const Config& config, const std::string& name) {
  for (const Context& context : config.contexts()) {
    if (context.name() == name) return &context;
  }
  return nullptr;
}

absl::Status NoSuchContext(const Config& config, const std::string& name,
                           const std::string& path) {
  const std::vector<std::string> names = NamesOf(config);
  const std::string nearest = NearestWord(name, names);
  return absl::NotFoundError(absl::StrCat(
      "no context \"", name, "\" in ", path.empty() ? "any file" : path,
      !nearest.empty() ? absl::StrCat("; did you mean ", nearest, "?")
      : names.empty()
          ? "; lockstep context set NAME --server ... makes one"
          : absl::StrCat("; there are ", absl::StrJoin(names, ", "))));
}

}  // namespace lockstep::cli
