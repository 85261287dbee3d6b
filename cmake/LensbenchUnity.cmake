# With LENSBENCH_UNITY, headers are parsed once: those of libtorch take most of the compile time. The
# debug preset does not use it, and so checks that each file includes what it needs.
option(LENSBENCH_UNITY "Compile the sources of a folder together, with precompiled headers" OFF)

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

# lensbench_precompiled(NAME HEADERS header... LINK_LIBRARIES lib...) adds a library whose headers
# other targets with the same flags use: lensbench_use_precompiled(TARGET NAME).
function(lensbench_precompiled name)
  if(NOT LENSBENCH_UNITY)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "HEADERS;LINK_LIBRARIES")
  file(CONFIGURE OUTPUT ${name}.cpp CONTENT "// The compiler needs a source to compile headers for.\n")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

function(lensbench_use_precompiled target name)
  if(LENSBENCH_UNITY)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()
