# gRPC and Protocol Buffers from Debian, and the code generated from proto/.
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_program(LOCKSTEP_PROTOC protoc REQUIRED)
find_program(LOCKSTEP_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

# lockstep_proto_library(NAME ROOT dir PROTOS a/b.proto ... GRPC c/d.proto ...)
# PROTOS get messages, GRPC get messages and service stubs. Generated headers
# are included by their path below ROOT: "lockstep/v1/job.pb.h".
function(lockstep_proto_library name)
  cmake_parse_arguments(ARG "" "ROOT" "PROTOS;GRPC" ${ARGN})
  set(gen ${CMAKE_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${gen})
  set(sources)
  foreach(proto ${ARG_PROTOS} ${ARG_GRPC})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(outputs ${gen}/${stem}.pb.cc ${gen}/${stem}.pb.h)
    set(plugin_args)
    if(proto IN_LIST ARG_GRPC)
      list(APPEND outputs ${gen}/${stem}.grpc.pb.cc ${gen}/${stem}.grpc.pb.h)
      set(plugin_args --grpc_out=${gen}
          --plugin=protoc-gen-grpc=${LOCKSTEP_GRPC_PLUGIN})
    endif()
    list(TRANSFORM ARG_PROTOS PREPEND ${ARG_ROOT}/ OUTPUT_VARIABLE messages)
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${LOCKSTEP_PROTOC} -I ${ARG_ROOT} -I ${CMAKE_SOURCE_DIR}/proto
              --cpp_out=${gen}
              ${plugin_args} ${proto}
      DEPENDS ${ARG_ROOT}/${proto} ${messages}
      WORKING_DIRECTORY ${ARG_ROOT} VERBATIM)
    list(APPEND sources ${outputs})
  endforeach()
  list(FILTER sources INCLUDE REGEX "\\.cc$")
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${gen})
  target_link_libraries(${name} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
endfunction()
