# nvcc and the CUDA runtime from PyPI's wheels: lockstep_cuda_objects() and
# lockstep_cudart. A machine without a GPU compiles the kernels, too.
#
# CMake's own CUDA language is not used: it wants the folders of an installed
# toolkit, drops -std=c++20 in 3.25, and asks find_package(CUDAToolkit), which
# the wheels do not satisfy.
file(GLOB cuda_root
     ${LOCKSTEP_CUDA_ENV}/lib/python3*/site-packages/nvidia/cu13)
set(LOCKSTEP_NVCC ${cuda_root}/bin/nvcc)
if(NOT EXISTS ${LOCKSTEP_NVCC})
  message(FATAL_ERROR "LOCKSTEP_CUDA_ENV=${LOCKSTEP_CUDA_ENV} holds no nvcc; "
          "run `make toolchain` and configure through `make build`, or set "
          "LOCKSTEP_CUDA=OFF")
endif()

# The runtime is linked statically, so programs start where there is no
# libcudart. LibTorch's own runtime in the same process shares the GPU's primary
# context and its streams.
find_package(Threads REQUIRED)
add_library(lockstep_cudart INTERFACE)
target_include_directories(lockstep_cudart SYSTEM INTERFACE
  ${cuda_root}/include)
target_link_libraries(lockstep_cudart INTERFACE
  ${cuda_root}/lib/libcudart_static.a Threads::Threads ${CMAKE_DL_LIBS} rt)

# Machine code for the A100, and for H100 and H200.
set(LOCKSTEP_CUDA_FLAGS
  -std=c++20 -O3 -lineinfo --expt-relaxed-constexpr
  -gencode arch=compute_80,code=sm_80
  -gencode arch=compute_90a,code=sm_90a
  -Werror all-warnings
  -Xcompiler=-fPIC,-Wall,-Wextra,-Werror,-Wno-missing-field-initializers)

# lockstep_cuda_objects(OUT SOURCES a.cu ... [WITHOUT_FMA b.cu ...])
# Sets OUT to the object files, to be listed as sources of a library.
function(lockstep_cuda_objects out)
  cmake_parse_arguments(ARG "" "" "SOURCES;WITHOUT_FMA" ${ARGN})
  set(objects)
  set(launcher)
  if(CCACHE)
    # As for C++: one clone's work serves the next.
    set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
        CCACHE_NOHASHDIR=true ${CCACHE})
  endif()
  foreach(source ${ARG_SOURCES})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    set(flags ${LOCKSTEP_CUDA_FLAGS})
    if(source IN_LIST ARG_WITHOUT_FMA)
      list(APPEND flags --fmad=false)
    endif()
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${launcher} ${LOCKSTEP_NVCC} -ccbin ${CMAKE_CXX_COMPILER} ${flags}
              -I${CMAKE_SOURCE_DIR} -MD -MF ${object}.d
              -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d
      COMMENT "Building CUDA object ${source}.o" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set_source_files_properties(${objects} PROPERTIES
    EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
