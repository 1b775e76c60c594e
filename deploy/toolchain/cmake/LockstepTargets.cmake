# How this project declares its targets: one library per folder, whose DEPS are
# the layering (docs/architecture.md), and one test program per tested folder.

find_package(Threads REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)

# Warnings are errors, on our code only. Sanitizers make GCC see some that are
# false.
add_library(lockstep_warnings INTERFACE)
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

# The ctest entry of a test program.
function(lockstep_add_test name labels timeout)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    LABELS "${labels}" TIMEOUT ${timeout}
    ENVIRONMENT "LOCKSTEP_SOURCE_DIR=${CMAKE_SOURCE_DIR};LOCKSTEP_BIN_DIR=${CMAKE_BINARY_DIR}/bin;LOCKSTEP_ORACLE_PYTHON=${LOCKSTEP_ORACLE_ENV}/bin/python;LOCKSTEP_BUF=${LOCKSTEP_BUF}")
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
  if(LOCKSTEP_SANITIZE)
    cmake_language(EVAL CODE "cmake_language(
      DEFER DIRECTORY \"${CMAKE_SOURCE_DIR}\"
      CALL lockstep_add_sanitized_test ${name} \"${ARG_LABELS}\" ${ARG_TIMEOUT})")
  else()
    lockstep_add_test(${name} "${ARG_LABELS}" ${ARG_TIMEOUT})
  endif()
endfunction()
