# lensbench_unity(TARGET) compiles the sources of each folder together, so that headers are parsed
# once: the headers of libtorch take most of the compile time. LENSBENCH_UNITY=OFF, which the debug
# and sanitize presets use, compiles each file alone and so checks that it includes what it needs.
option(LENSBENCH_UNITY "Compile the sources of a folder together: faster as a whole" OFF)

function(lensbench_unity target)
  if(NOT LENSBENCH_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    if(source MATCHES "\\.cpp$")
      get_filename_component(folder ${source} DIRECTORY)
      file(RELATIVE_PATH group ${CMAKE_SOURCE_DIR} ${folder})
      string(MAKE_C_IDENTIFIER ${group} group)
      set_source_files_properties(${source} TARGET_DIRECTORY ${target} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
