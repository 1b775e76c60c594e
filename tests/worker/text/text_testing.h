#ifndef LOCKSTEP_TESTS_WORKER_TEXT_TEXT_TESTING_H_
#define LOCKSTEP_TESTS_WORKER_TEXT_TEXT_TESTING_H_

// What the tests of text and data share: where files lie, and matchers.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace lockstep::testing {

inline std::string FixturePath(const std::string& path) {
  return std::string(std::getenv("LOCKSTEP_SOURCE_DIR")) + "/tests/testdata/" +
         path;
}

// The folder of real data; empty when there is none.
inline std::string TestDataDir() {
  const char* dir = std::getenv("LOCKSTEP_TEST_DATA");
  return dir == nullptr ? "" : dir;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

inline nlohmann::ordered_json ReadJson(const std::string& path) {
  return nlohmann::ordered_json::parse(ReadFile(path));
}

inline absl::Status ToStatus(const absl::Status& status) { return status; }
template <typename T>
absl::Status ToStatus(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "") {
  *result_listener << ToStatus(arg).ToString();
  return arg.ok();
}

// An error of that code whose message has the text.
MATCHER_P2(IsError, code, text, "") {
  const absl::Status status = ToStatus(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         status.message().find(text) != absl::string_view::npos;
}

MATCHER_P(IsInvalid, text, "") {
  return ::testing::ExplainMatchResult(
      IsError(absl::StatusCode::kInvalidArgument, text), arg, result_listener);
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_TEXT_TEXT_TESTING_H_
