#include "server/store/crc32c.h"

#include <array>
#include <cstddef>

namespace lockstep {
namespace {

// Eight bytes at a time ("slicing-by-8"): table k says what a byte does to the
// checksum k bytes later.
constexpr size_t kSlices = 8;
using Table = std::array<uint32_t, 256>;

constexpr std::array<Table, kSlices> MakeTables() {
  std::array<Table, kSlices> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
    }
    tables[0][byte] = crc;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = MakeTables();

uint32_t ByteAt(absl::string_view data, size_t i) {
  return static_cast<uint8_t>(data[i]);
}

}  // namespace

uint32_t Crc32c(absl::string_view data) {
  uint32_t crc = 0xFFFFFFFF;
  for (; data.size() >= kSlices; data.remove_prefix(kSlices)) {
    const uint32_t low = crc ^ (ByteAt(data, 0) | ByteAt(data, 1) << 8 |
                                ByteAt(data, 2) << 16 | ByteAt(data, 3) << 24);
    crc = kTables[7][low & 0xFF] ^ kTables[6][(low >> 8) & 0xFF] ^
          kTables[5][(low >> 16) & 0xFF] ^ kTables[4][low >> 24] ^
          kTables[3][ByteAt(data, 4)] ^ kTables[2][ByteAt(data, 5)] ^
          kTables[1][ByteAt(data, 6)] ^ kTables[0][ByteAt(data, 7)];
  }
  for (size_t i = 0; i < data.size(); ++i) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ ByteAt(data, i)) & 0xFF];
  }
  return ~crc;
}

}  // namespace lockstep
