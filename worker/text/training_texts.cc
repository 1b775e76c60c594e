#include "worker/text/training_texts.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/text/text_file.h"

namespace lockstep {
namespace {

constexpr int64_t kMaxFileBytes = 1 << 30;
constexpr size_t kPieceBytes = 16 << 10;

absl::StatusOr<std::vector<std::string>> TextsOfRows(
    const std::string& path, absl::string_view content) {
  std::vector<std::string> texts;
  int64_t number = 0;
  for (const absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const auto row = nlohmann::json::parse(line, nullptr,
                                           /*allow_exceptions=*/false);
    const auto text = row.is_object() ? row.find("text") : row.end();
    if (text == row.end() || !text->is_string()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ":", number, ": is not a JSON object with a string \"text\""));
    }
    texts.push_back(text->get<std::string>());
  }
  return texts;
}

std::vector<std::string> TextsOfLines(absl::string_view content) {
  std::vector<std::string> texts;
  while (!content.empty()) {
    const size_t newline = content.find('\n', kPieceBytes);
    const size_t size =
        newline == absl::string_view::npos ? content.size() : newline + 1;
    const absl::string_view piece = content.substr(0, size);
    if (!absl::StripAsciiWhitespace(piece).empty()) texts.emplace_back(piece);
    content.remove_prefix(size);
  }
  return texts;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadTrainingTexts(
    const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content,
                   ReadTextFile(path, kMaxFileBytes));
  if (absl::EndsWith(path, ".jsonl")) return TextsOfRows(path, content);
  return TextsOfLines(content);
}

}  // namespace lockstep
