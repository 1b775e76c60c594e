#include "proto/contract/printable.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

struct Character {
  uint32_t code = 0;
  // 0: the text does not begin with a character.
  size_t bytes = 0;
};

// The first character of a text that is not empty.
Character First(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  uint32_t code = lead & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[bytes] || code > 0x10ffff || surrogate) return {};
  return {code, bytes};
}

bool Commands(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
         // Marks and overrides of the direction, line and paragraph ends.
         code == 0x061c || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string Printable(absl::string_view text, size_t most_bytes) {
  std::string result;
  while (!text.empty()) {
    if (result.size() >= most_bytes) return result + "...";
    const Character first = First(text);
    if (first.bytes == 0) {
      absl::StrAppend(
          &result, "\\x",
          absl::Hex(static_cast<unsigned char>(text[0]), absl::kZeroPad2));
    } else if (Commands(first.code)) {
      absl::StrAppend(&result, "\\u", absl::Hex(first.code, absl::kZeroPad4));
    } else {
      result.append(text.data(), first.bytes);
    }
    text.remove_prefix(std::max<size_t>(first.bytes, 1));
  }
  return result;
}

}  // namespace lockstep
