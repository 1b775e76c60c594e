#ifndef LOCKSTEP_SERVER_STORE_CRC32C_H_
#define LOCKSTEP_SERVER_STORE_CRC32C_H_

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78): the checksum of rows
// in the store and of records in metric segments. Crc32c("123456789") is
// 0xE3069283.

#include <cstdint>

#include "absl/strings/string_view.h"

namespace lockstep {

uint32_t Crc32c(absl::string_view data);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_CRC32C_H_
