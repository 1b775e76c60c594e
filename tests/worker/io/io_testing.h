#ifndef LOCKSTEP_TESTS_WORKER_IO_IO_TESTING_H_
#define LOCKSTEP_TESTS_WORKER_IO_IO_TESTING_H_

// What the tests of files share: paths, small changes to files, matchers, and
// the oracles' programs.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/io/file.h"
#include "worker/io/named_tensor.h"

namespace lockstep::testing {

inline std::string SourcePath(const std::string& path) {
  return std::string(std::getenv("LOCKSTEP_SOURCE_DIR")) + "/" + path;
}
inline std::string FixturePath(const std::string& path) {
  return SourcePath("tests/testdata/" + path);
}

inline absl::Status StatusOf(const absl::Status& status) { return status; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "") {
  *result_listener << StatusOf(arg).ToString();
  return arg.ok();
}

// A status (or StatusOr) of that code whose message has each of the parts.
MATCHER_P2(Fails, code, parts, "") {
  const absl::Status status = StatusOf(arg);
  *result_listener << status.ToString();
  if (status.code() != code) return false;
  for (const std::string& part : parts) {
    if (status.ToString().find(part) == std::string::npos) {
      *result_listener << ", lacks " << part;
      return false;
    }
  }
  return true;
}
using Parts = std::vector<std::string>;

// Names in a folder, of any kind.
inline std::vector<std::string> Entries(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string ReadText(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  EXPECT_THAT(text, IsOk());
  return text.ok() ? *text : std::string();
}
inline void WriteText(const std::string& path, absl::string_view text) {
  EXPECT_THAT(WriteWholeFile(path, text), IsOk());
}

// Runs the oracles' Python; its output, and whether it ended with status 0.
struct OracleResult {
  bool ok = false;
  std::string output;
};
inline OracleResult RunOracle(const std::string& arguments) {
  const std::string command =
      "OMP_NUM_THREADS=1 '" +
      std::string(std::getenv("LOCKSTEP_ORACLE_PYTHON")) + "' " + arguments +
      " 2>&1";
  OracleResult result;
  std::FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  size_t bytes = 0;
  while ((bytes = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    result.output.append(buffer, bytes);
  }
  result.ok = pclose(pipe) == 0;
  return result;
}

// Tensors that own their numbers.
class TensorSet {
 public:
  // Numbers that count up from `first` in steps of an eighth.
  void Add(const std::string& name, std::vector<int64_t> shape, float first) {
    int64_t elements = 1;
    for (const int64_t size : shape) elements *= size;
    std::vector<float> values;
    for (int64_t i = 0; i < elements; ++i) {
      values.push_back(first + 0.125f * static_cast<float>(i));
    }
    names_.push_back(name);
    shapes_.push_back(std::move(shape));
    values_.push_back(std::move(values));
  }

  std::vector<NamedTensor> tensors() const {
    std::vector<NamedTensor> list;
    for (size_t i = 0; i < names_.size(); ++i) {
      list.push_back({names_[i], shapes_[i], values_[i].data()});
    }
    return list;
  }
  std::vector<float>& values(size_t i) { return values_[i]; }

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<std::vector<float>> values_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_IO_IO_TESTING_H_
