#include "worker/data/row_scanner.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr char kByteOrderMark[] = "\xef\xbb\xbf";

bool IsSpace(int byte) {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

// Follows brackets and strings, to find where an element ends.
class Nesting {
 public:
  // Whether `byte` comes after the element: a comma or bracket of the array.
  bool Ends(int byte) const {
    return !in_string_ && depth_ == 0 && (byte == ',' || byte == ']');
  }

  void See(int byte) {
    if (in_string_) {
      in_string_ = escaped_ || byte != '"';
      escaped_ = !escaped_ && byte == '\\';
      return;
    }
    if (byte == '"') in_string_ = true;
    if (byte == '{' || byte == '[') ++depth_;
    if (byte == '}' || byte == ']') --depth_;
  }

 private:
  int64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace

absl::Status RowError(absl::string_view path, int64_t line,
                      absl::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ":", line, ": ", message));
}

absl::StatusOr<RowScanner> RowScanner::Open(const std::string& path,
                                            int64_t max_row_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  return RowScanner(path, std::move(file), max_row_bytes);
}

int RowScanner::Take() {
  const int byte = file_.rdbuf()->sbumpc();
  if (byte == '\n') ++line_;
  return byte;
}

void RowScanner::SkipSpace() {
  while (IsSpace(Peek())) Take();
}

void RowScanner::DetectLayout() {
  for (const char* mark = kByteOrderMark;
       *mark != 0 && Peek() == static_cast<unsigned char>(*mark); ++mark) {
    Take();
  }
  SkipSpace();
  layout_ = Peek() == '[' ? Layout::kArray : Layout::kLines;
  if (layout_ == Layout::kArray) Take();
}

absl::StatusOr<std::optional<RowText>> RowScanner::Next() {
  if (layout_ == Layout::kUnknown) DetectLayout();
  switch (layout_) {
    case Layout::kLines:
      return NextLine();
    case Layout::kArray:
      return NextElement();
    default:
      return std::nullopt;
  }
}

absl::StatusOr<std::optional<RowText>> RowScanner::NextLine() {
  SkipSpace();
  if (Peek() == EOF) {
    layout_ = Layout::kEnded;
    return std::nullopt;
  }
  RowText row{{}, line_};
  while (Peek() != EOF && Peek() != '\n') {
    RETURN_IF_ERROR(Append(Take(), row));
  }
  return row;
}

absl::StatusOr<std::optional<RowText>> RowScanner::NextElement() {
  SkipSpace();
  if (Peek() == ']' && may_end_) {
    Take();
    SkipSpace();
    layout_ = Layout::kEnded;
    if (Peek() != EOF) return Error("text after the end of the array");
    return std::nullopt;
  }
  RowText row{{}, line_};
  RETURN_IF_ERROR(TakeElement(row));
  if (absl::StripAsciiWhitespace(row.text).empty()) {
    return Error("expected a row of the array");
  }
  // A comma asks for another row; without one the array must end here.
  may_end_ = Peek() == ']';
  if (!may_end_) Take();
  return row;
}

absl::Status RowScanner::TakeElement(RowText& row) {
  Nesting nesting;
  while (!nesting.Ends(Peek())) {
    const int byte = Take();
    if (byte == EOF) {
      return RowError(path_, row.line,
                      "the file ends inside the array, after this row begins");
    }
    nesting.See(byte);
    RETURN_IF_ERROR(Append(byte, row));
  }
  return absl::OkStatus();
}

absl::Status RowScanner::Append(int byte, RowText& row) const {
  if (static_cast<int64_t>(row.text.size()) >= max_row_bytes_) {
    return RowError(
        path_, row.line,
        absl::StrCat("the row is longer than ", max_row_bytes_, " bytes"));
  }
  row.text.push_back(static_cast<char>(byte));
  return absl::OkStatus();
}

absl::Status RowScanner::Error(absl::string_view message) const {
  return RowError(path_, line_, message);
}

}  // namespace lockstep
