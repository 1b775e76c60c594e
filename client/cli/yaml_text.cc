#include "client/cli/yaml_text.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

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

}  // namespace

absl::StatusOr<std::string> ReadYamlText(const std::string& name) {
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

std::vector<YAML::Node> LoadYaml(const std::string& text,
                                 std::vector<SpecProblem>* problems) {
  if (text.size() > kMaxFileBytes) {
    problems->push_back(
        {{}, "", absl::StrCat("more than ", kMaxFileBytes, " bytes")});
    return {};
  }
  const Position bad = FindBadUtf8(text);
  if (bad.line > 0) {
    problems->push_back({bad, "", "this byte is not UTF-8"});
    return {};
  }
  try {  // yaml-cpp reports by throwing.
    return YAML::LoadAll(text);
  } catch (const YAML::Exception& error) {
    problems->push_back(
        {{error.mark.line + 1, error.mark.column + 1}, "", error.msg});
    return {};
  }
}

}  // namespace lockstep::cli
