# find_package(lensbench 0.1 REQUIRED) gives lensbench::lensbench, lensbench_add_tool and
# lensbench_add_experiment. Works from wherever the installed tree was moved to.
get_filename_component(LENSBENCH_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
include(${CMAKE_CURRENT_LIST_DIR}/LensbenchTorch.cmake)
if(NOT TARGET lensbench::lensbench)
  add_library(lensbench::lensbench SHARED IMPORTED)
  set_target_properties(lensbench::lensbench PROPERTIES
    IMPORTED_LOCATION ${LENSBENCH_PREFIX}/lib/liblensbench.so
    INTERFACE_INCLUDE_DIRECTORIES ${LENSBENCH_PREFIX}/include
    INTERFACE_LINK_LIBRARIES lensbench_torch)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/LensbenchPlugin.cmake)
