# Target of libtorch, for lensbench and for plug-ins built outside of it. Its headers are system
# headers, so that the compiler does not report warnings in them.
find_package(Torch REQUIRED)
if(TARGET lensbench_torch)
  return()
endif()
add_library(lensbench_torch INTERFACE)
target_include_directories(lensbench_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(lensbench_torch INTERFACE ${TORCH_LIBRARIES})
separate_arguments(LENSBENCH_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(lensbench_torch INTERFACE ${LENSBENCH_TORCH_FLAGS})
