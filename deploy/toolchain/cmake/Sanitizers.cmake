# Builds that look for what a passing test hides: LOCKSTEP_SANITIZE=address
# (overflows, use after free, leaks, undefined behaviour) or =thread (races, lock
# orders). tests/run_sanitized.sh configures each in a folder beside the plain
# build and builds there lockstep_sanitized: those unit tests, with the programs
# they start, that link nothing which must not be looked at. Which ones follows
# from what every target links; there is no list.
set(LOCKSTEP_SANITIZE "" CACHE STRING "address, thread, or nothing")
set_property(CACHE LOCKSTEP_SANITIZE PROPERTY STRINGS "" address thread)

set(LOCKSTEP_SANITIZER)
if(NOT LOCKSTEP_SANITIZE)
  return()
elseif(LOCKSTEP_SANITIZE STREQUAL "address")
  # Without UBSan's checks of each pointer that is followed, which take 40% of the
  # time to compile: AddressSanitizer finds what is null or beyond its object when
  # it is read. Numbers at odd addresses and casts to a wrong class stay unseen.
  # Without optimisation, which takes a third of the rest.
  set(sanitizer_flags
      -O0 -fsanitize=address,undefined,float-cast-overflow
      -fno-sanitize=null,alignment,object-size,vptr
      -fno-sanitize-recover=all -D_GLIBCXX_ASSERTIONS)
  set(sanitizer_sources address_options.cc)
  # LibTorch takes minutes to compile against and to start with.
  set(LOCKSTEP_FOREIGN torch::torch)
elseif(LOCKSTEP_SANITIZE STREQUAL "thread")
  # Optimised: without, the simulation would run for longer than its 15 s.
  set(sanitizer_flags -O1 -fsanitize=thread)
  set(sanitizer_sources absl_locks.cc thread_options.cc)
  # gRPC orders its threads by atomics of its own, which an uninstrumented
  # library hides: hundreds of false reports in seconds.
  set(LOCKSTEP_FOREIGN torch::torch gRPC::grpc++)
else()
  message(FATAL_ERROR "LOCKSTEP_SANITIZE=${LOCKSTEP_SANITIZE}: "
          "address, thread, or nothing")
endif()

# After the flags of a plain build, which these replace.
add_compile_options(-fno-omit-frame-pointer ${sanitizer_flags})
add_link_options(${sanitizer_flags})

# Linked into every program: the options and suppressions that hold wherever
# and by whomever it is started.
list(TRANSFORM sanitizer_sources PREPEND ${CMAKE_SOURCE_DIR}/tests/sanitizers/)
add_library(lockstep_sanitizer OBJECT ${sanitizer_sources})
set(LOCKSTEP_SANITIZER lockstep_sanitizer)

add_custom_target(lockstep_sanitized)

# Sets OUT to all that `target` links or waits for, by way of our targets.
function(lockstep_linked target out)
  set(linked)
  set(todo ${target})
  while(todo)
    list(POP_FRONT todo next)
    if(next IN_LIST linked)
      continue()
    endif()
    list(APPEND linked ${next})
    if(NOT TARGET ${next})
      continue()
    endif()
    get_target_property(imported ${next} IMPORTED)
    if(imported)
      continue()
    endif()
    foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES
                     MANUALLY_ADDED_DEPENDENCIES)
      get_target_property(more ${next} ${property})
      if(more)
        list(APPEND todo ${more})
      endif()
    endforeach()
  endwhile()
  set(${out} ${linked} PARENT_SCOPE)
endfunction()

# Called of each test when all targets are known.
function(lockstep_add_sanitized_test name labels timeout)
  if(NOT "unit" IN_LIST labels)
    return()
  endif()
  lockstep_linked(${name} linked)
  foreach(foreign ${LOCKSTEP_FOREIGN})
    if(foreign IN_LIST linked)
      return()
    endif()
  endforeach()
  # Whoever names neither has one thread.
  if(LOCKSTEP_SANITIZE STREQUAL "thread"
     AND NOT "absl::synchronization" IN_LIST linked
     AND NOT "Threads::Threads" IN_LIST linked)
    return()
  endif()
  math(EXPR timeout "5 * ${timeout}")
  lockstep_add_test(${name} sanitized ${timeout})
  add_dependencies(lockstep_sanitized ${name})
endfunction()
