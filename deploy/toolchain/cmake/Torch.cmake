# LibTorch from the PyPI wheel, as one imported target: torch::torch.
#
# find_package(Torch) is not used: it wants a CUDA toolkit on the machine. The
# wheel's include folder is not used as it is either: it holds protobuf 3.13
# headers that would shadow Debian's 3.21, so a folder of links leaves google/
# out.
file(GLOB torch_site ${LOCKSTEP_TORCH_ENV}/lib/python3*/site-packages)
set(torch_root ${torch_site}/torch)
if(NOT EXISTS ${torch_root}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LOCKSTEP_TORCH_ENV=${LOCKSTEP_TORCH_ENV} holds no "
          "LibTorch; run `make toolchain` and configure through `make build`")
endif()

set(torch_include ${CMAKE_BINARY_DIR}/torch-include)
if(NOT EXISTS ${torch_include}/ATen)
  file(MAKE_DIRECTORY ${torch_include})
  file(GLOB entries RELATIVE ${torch_root}/include ${torch_root}/include/*)
  list(REMOVE_ITEM entries google)
  foreach(entry ${entries})
    file(CREATE_LINK ${torch_root}/include/${entry} ${torch_include}/${entry}
         SYMBOLIC)
  endforeach()
endif()

add_library(torch::torch INTERFACE IMPORTED)
target_include_directories(torch::torch SYSTEM INTERFACE ${torch_include})
# libtorch_cuda is linked though nothing names its symbols: loading it registers
# the CUDA backend. Without a GPU it is inert.
target_link_libraries(torch::torch INTERFACE
  -Wl,--push-state,--no-as-needed
  ${torch_root}/lib/libtorch.so ${torch_root}/lib/libtorch_cpu.so
  ${torch_root}/lib/libtorch_cuda.so
  ${torch_root}/lib/libc10.so ${torch_root}/lib/libc10_cuda.so
  -Wl,--pop-state)
# The NCCL that libtorch_cuda loads anyway. Its header wants CUDA's.
add_library(torch::nccl INTERFACE IMPORTED)
target_include_directories(torch::nccl SYSTEM INTERFACE
  ${torch_site}/nvidia/nccl/include)
target_link_libraries(torch::nccl INTERFACE
  ${torch_site}/nvidia/nccl/lib/libnccl.so.2)

# The cuDNN that libtorch_cuda loads anyway, with NVIDIA's C++ front end.
file(GLOB cudnn_frontend_include
     ${LOCKSTEP_CUDNN_ENV}/lib/python3*/site-packages/include)
add_library(torch::cudnn INTERFACE IMPORTED)
target_include_directories(torch::cudnn SYSTEM INTERFACE
  ${cudnn_frontend_include} ${torch_site}/nvidia/cudnn/include)
target_link_libraries(torch::cudnn INTERFACE
  ${torch_site}/nvidia/cudnn/lib/libcudnn.so.9)

set(torch_rpath ${torch_root}/lib)
foreach(package cu13 nccl cudnn cusparselt nvshmem)
  list(APPEND torch_rpath ${torch_site}/nvidia/${package}/lib)
endforeach()
list(JOIN torch_rpath ":" torch_rpath_link)
# libtorch.so exports a std::filesystem of its own, whose remove_all crashes in
# our programs; whoever is named first is asked first.
target_link_options(torch::torch INTERFACE
  "LINKER:--push-state,--no-as-needed" "-lstdc++" "LINKER:--pop-state"
  "LINKER:-rpath-link,${torch_rpath_link}" "LINKER:-rpath,${torch_rpath_link}")
