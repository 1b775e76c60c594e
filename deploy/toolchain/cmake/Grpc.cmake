# gRPC and Protocol Buffers from Debian, and the code generated from proto/.
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_program(LOCKSTEP_PROTOC protoc REQUIRED)
find_program(LOCKSTEP_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

# Runs protoc with `arguments` for each of `protos` below `root`, which makes
# files with the suffixes `made`. Sets OUT to the sources among them.
function(lockstep_generate out root protos made arguments)
  set(gen ${CMAKE_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${gen})
  list(TRANSFORM protos PREPEND ${root}/ OUTPUT_VARIABLE files)
  set(sources)
  foreach(proto ${protos})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    list(TRANSFORM made PREPEND ${gen}/${stem} OUTPUT_VARIABLE outputs)
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${LOCKSTEP_PROTOC} -I ${root} -I ${CMAKE_SOURCE_DIR}/proto
              ${arguments} ${proto}
      DEPENDS ${root}/${proto} ${files}
      WORKING_DIRECTORY ${root} VERBATIM)
    list(APPEND sources ${outputs})
  endforeach()
  list(FILTER sources INCLUDE REGEX "\\.cc$")
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# lockstep_proto_library(NAME ROOT dir PROTOS a/b.proto ...)
# The messages, without gRPC. Generated headers are included by their path below
# ROOT: "lockstep/v1/job.pb.h".
function(lockstep_proto_library name)
  cmake_parse_arguments(ARG "" "ROOT" "PROTOS" ${ARGN})
  lockstep_generate(sources ${ARG_ROOT} "${ARG_PROTOS}" ".pb.cc;.pb.h"
                    --cpp_out=${CMAKE_BINARY_DIR}/gen)
  add_library(${name} STATIC ${sources})
  # protoc gives each file a `schemas`.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_include_directories(${name} SYSTEM PUBLIC ${CMAKE_BINARY_DIR}/gen)
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
endfunction()

# lockstep_stub_library(NAME ROOT dir PROTOS a/b.proto ... MESSAGES lib)
# The service stubs: "lockstep/v1/job_service.grpc.pb.h". MESSAGES is the
# library of the messages in the same files.
function(lockstep_stub_library name)
  cmake_parse_arguments(ARG "" "ROOT;MESSAGES" "PROTOS" ${ARGN})
  lockstep_generate(
    sources ${ARG_ROOT} "${ARG_PROTOS}" ".grpc.pb.cc;.grpc.pb.h"
    "--grpc_out=${CMAKE_BINARY_DIR}/gen;--plugin=protoc-gen-grpc=${LOCKSTEP_GRPC_PLUGIN}")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${ARG_MESSAGES} gRPC::grpc++)
endfunction()
