# How this project declares its targets: one library per folder, whose DEPS are
# the layering (docs/architecture.md), and one test program per tested folder.

find_package(Threads REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)

# Warnings are errors, on our code only. Sanitizers, and sources compiled as one,
# make GCC see some that are false.
add_library(lockstep_warnings INTERFACE)
target_compile_options(lockstep_warnings INTERFACE -Wno-subobject-linkage)
if(NOT LOCKSTEP_SANITIZE)
  target_compile_options(lockstep_warnings INTERFACE
    -Wall -Wextra -Werror -Wno-missing-field-initializers)
endif()

# lockstep_library(NAME SOURCES a.cc ... DEPS lib ...)
# Headers are included from the source root: "server/store/job_store.h".
function(lockstep_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS}
                          PRIVATE lockstep_warnings)
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# lockstep_program(NAME SOURCES a.cc ... DEPS lib ...)   -> build/bin/NAME
function(lockstep_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} lockstep_warnings
                        ${LOCKSTEP_SANITIZER})
endfunction()

# lockstep_add_test(PROGRAM LABELS SECONDS [NAME name] [ENVIRONMENT X=y])
# The ctest entry of a test program, by its name unless another is given.
function(lockstep_add_test program labels timeout)
  cmake_parse_arguments(ARG "" "NAME;ENVIRONMENT" "" ${ARGN})
  if(NOT ARG_NAME)
    set(ARG_NAME ${program})
  endif()
  add_test(NAME ${ARG_NAME} COMMAND ${program})
  # A job has two ranks. Those of Slurm mostly wait for it.
  set(cores 2)
  if("unit" IN_LIST labels OR "slurm" IN_LIST labels)
    set(cores 1)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES
    LABELS "${labels}" TIMEOUT ${timeout} PROCESSORS ${cores}
    ENVIRONMENT "${ARG_ENVIRONMENT};LOCKSTEP_SOURCE_DIR=${CMAKE_SOURCE_DIR};LOCKSTEP_BIN_DIR=${CMAKE_BINARY_DIR}/bin;LOCKSTEP_ORACLE_PYTHON=${LOCKSTEP_ORACLE_ENV}/bin/python;LOCKSTEP_CHECKS_PYTHON=${LOCKSTEP_CHECKS_ENV}/bin/python;LOCKSTEP_BUF=${LOCKSTEP_BUF};LOCKSTEP_SLURM=${LOCKSTEP_SLURM}")
endfunction()

# Precompiles headers for the sources of `target`. A precompiled header differs
# from one clone to the next, so ccache goes by the .sum file beside it, and by
# the headers that went into it, which GCC lists as read.
function(lockstep_precompile_headers target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  file(GENERATE
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.gch.sum
    CONTENT "${ARGN}\n")
endfunction()

# The same for headers that no other target shares. With a sanitizer, sources are
# one, and read them once anyway.
function(lockstep_target_headers target)
  if(NOT LOCKSTEP_SANITIZE)
    lockstep_precompile_headers(${target} ${ARGN})
  endif()
endfunction()

# A library that holds nothing but the precompiled headers that are named.
# Whoever reuses them must have equal flags; FLAGS are those that not all have.
function(lockstep_precompile owner)
  cmake_parse_arguments(ARG "" "" "FLAGS;HEADERS;DEPS" ${ARGN})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${owner}.cc)
  file(GENERATE OUTPUT ${source} CONTENT "// Owns precompiled headers.\n")
  lockstep_library(${owner} SOURCES ${source} DEPS ${ARG_DEPS})
  set_target_properties(${owner} PROPERTIES
    POSITION_INDEPENDENT_CODE OFF LOCKSTEP_FLAGS "${ARG_FLAGS};-pthread")
  target_compile_options(${owner} PRIVATE ${ARG_FLAGS} -pthread)
  lockstep_precompile_headers(${owner} ${ARG_HEADERS})
endfunction()

# What nearly every source includes.
set(LOCKSTEP_COMMON_HEADERS
  <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <utility>
  <vector> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/synchronization/mutex.h> <absl/time/time.h>)
set(LOCKSTEP_COMMON_DEPS
  absl::statusor absl::strings absl::synchronization absl::time)

# Compiles `target` with what `owner` has precompiled.
function(lockstep_reuse_headers target owner)
  get_target_property(flags ${owner} LOCKSTEP_FLAGS)
  target_compile_options(${target} PRIVATE ${flags})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE OFF PRECOMPILE_HEADERS_REUSE_FROM ${owner})
  add_dependencies(${target} ${owner})
endfunction()

# lockstep_test(NAME SOURCES a_test.cc ... DEPS lib ... [LABELS unit]
#               [TIMEOUT 60])
# One gtest program, one ctest entry. The label is unit unless given: unit tests
# of the whole project run in under two minutes.
function(lockstep_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} lockstep_warnings
                        ${LOCKSTEP_SANITIZER} GTest::gmock GTest::gtest_main)
  lockstep_reuse_headers(${name} lockstep_test_headers)
  # GCC 12 takes a string's own buffer for all of the string when <string> comes
  # from a precompiled header (its bug 105329).
  target_compile_options(${name} PRIVATE
    -Wno-array-bounds -Wno-stringop-overflow)
  if(LOCKSTEP_SANITIZE)
    cmake_language(EVAL CODE "cmake_language(
      DEFER DIRECTORY \"${CMAKE_SOURCE_DIR}\"
      CALL lockstep_add_sanitized_test ${name} \"${ARG_LABELS}\" ${ARG_TIMEOUT})")
  else()
    lockstep_add_test(${name} "${ARG_LABELS}" ${ARG_TIMEOUT})
  endif()
endfunction()
