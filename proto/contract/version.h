#ifndef LOCKSTEP_PROTO_CONTRACT_VERSION_H_
#define LOCKSTEP_PROTO_CONTRACT_VERSION_H_

namespace lockstep {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_VERSION_H_
