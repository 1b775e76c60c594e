#ifndef LOCKSTEP_CLIENT_CLI_YAML_MESSAGE_H_
#define LOCKSTEP_CLIENT_CLI_YAML_MESSAGE_H_

// Fills a proto message from a YAML tree by walking the message's descriptor.
// yaml-cpp is used for syntax only, because its own conversions let mistakes
// pass: duplicate keys (the first wins), `010` (8), `yes` (a bool). Here every
// key must be known and unique, and every value must be what it looks like.
//
// Nothing stops at the first problem: all are collected, with their place.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "yaml-cpp/yaml.h"

namespace lockstep::cli {

// Counted from 1, as editors do; 0 when unknown.
struct Position {
  int line = 0;
  int column = 0;
};

struct SpecProblem {
  Position position;
  std::string field;  // "train.learning_rate"; empty for the file itself.
  std::string message;
};

// The key that names a field in YAML.
std::string YamlKey(const google::protobuf::FieldDescriptor& field);

class YamlReader {
 public:
  // Fills `message` from a mapping; `path` is the field it belongs to.
  void ReadMessage(const YAML::Node& node, const std::string& path,
                   google::protobuf::Message* message);
  // Sets one field from a node; what it held before is replaced.
  void ReadField(const YAML::Node& node, const std::string& path,
                 const google::protobuf::FieldDescriptor& field,
                 google::protobuf::Message* message);

  const std::vector<SpecProblem>& problems() const { return problems_; }
  // Where each field's value begins: "data.train[0].path" -> line and column.
  const std::map<std::string, Position>& positions() const {
    return positions_;
  }

 private:
  void ReadList(const YAML::Node& node, const std::string& path,
                const google::protobuf::FieldDescriptor& field,
                google::protobuf::Message* message);
  void ReadMap(const YAML::Node& node, const std::string& path,
               const google::protobuf::FieldDescriptor& field,
               google::protobuf::Message* message);
  // Sets, or for a list appends, one scalar.
  void ReadScalar(const YAML::Node& node, const std::string& path,
                  const google::protobuf::FieldDescriptor& field,
                  google::protobuf::Message* message);
  void ReadDuration(const YAML::Node& node, const std::string& path,
                    google::protobuf::Message* message);
  // The keys of a mapping, each once; problems for all others.
  std::map<std::string, YAML::Node> Entries(const YAML::Node& node,
                                            const std::string& path);
  void Add(const YAML::Node& node, const std::string& path,
           const std::string& message);

  std::vector<SpecProblem> problems_;
  std::map<std::string, Position> positions_;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_YAML_MESSAGE_H_
