# Compiles through ccache where it is installed and no launcher was chosen (an empty one is a choice).
# Paths below this folder count as relative, and the folder of the build does not count at all, so that
# another clone finds what this one compiled.
find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  get_filename_component(lensbench_source ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${lensbench_source}
    CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
