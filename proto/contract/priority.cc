#include "proto/contract/priority.h"

#include "proto/contract/spec_value.h"

namespace lockstep {

v1::ResourceSpec::Priority PriorityOf(const v1::Job& job) {
  return job.priority() == v1::ResourceSpec::PRIORITY_UNSPECIFIED
             ? v1::ResourceSpec::PRIORITY_NORMAL
             : job.priority();
}

std::string PriorityName(v1::ResourceSpec::Priority priority) {
  return EnumYamlName(*v1::ResourceSpec::Priority_descriptor(), priority);
}

}  // namespace lockstep
