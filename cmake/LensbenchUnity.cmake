# With LENSBENCH_UNITY, headers are parsed once: those of libtorch take most of the compile time. The
# preset debug does not use it, and so checks that each file includes what it needs.
option(LENSBENCH_UNITY "Compile the sources of a folder together: faster as a whole" OFF)

# lensbench_unity(TARGET [FOLDERS_TOGETHER]) compiles the sources of each folder, or all of them,
# together.
function(lensbench_unity target)
  if(NOT LENSBENCH_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    if(source MATCHES "\\.cpp$")
      get_filename_component(folder ${source} ABSOLUTE)
      get_filename_component(folder ${folder} DIRECTORY)
      if("FOLDERS_TOGETHER" IN_LIST ARGN)
        set(folder ${CMAKE_CURRENT_SOURCE_DIR})
      endif()
      file(RELATIVE_PATH group ${CMAKE_SOURCE_DIR} ${folder})
      string(MAKE_C_IDENTIFIER ${group} group)
      set_source_files_properties(${source} TARGET_DIRECTORY ${target} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
