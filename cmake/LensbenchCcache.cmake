# Uses ccache if it is installed and CMAKE_CXX_COMPILER_LAUNCHER is not defined (it may be empty). Paths
# in this folder are cached as relative ones, and the build folder is ignored, so that clones share the
# cache.
find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  get_filename_component(lensbench_source ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${lensbench_source}
    CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
