#include "client/cli/html.h"

#include <cstddef>
#include <cstdint>

namespace lockstep::cli {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

// Bytes of the UTF-8 character that `text` begins with; 0 when it is none.
size_t LengthOfCharacter(absl::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t length = first < 0x80           ? 1
                        : first >> 5u == 0x06u ? 2
                        : first >> 4u == 0x0eu ? 3
                        : first >> 3u == 0x1eu ? 4
                                               : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0u) != 0x80u) return 0;
  }
  return length;
}

void AppendAscii(std::string& html, char c) {
  switch (c) {
    case '&':
      html += "&amp;";
      return;
    case '<':
      html += "&lt;";
      return;
    case '>':
      html += "&gt;";
      return;
    case '"':
      html += "&quot;";
      return;
    case '\'':
      html += "&#39;";
      return;
    case '\n':
    case '\t':
      html += c;
      return;
    default:
      if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
        html += kReplacement;
      } else {
        html += c;
      }
  }
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  std::string html;
  html.reserve(text.size());
  while (!text.empty()) {
    const size_t length = LengthOfCharacter(text);
    if (length == 0) {
      html += kReplacement;
    } else if (length == 1) {
      AppendAscii(html, text[0]);
    } else {
      html.append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return html;
}

}  // namespace lockstep::cli
