# With LENSBENCH_UNITY, headers are parsed once for many sources: those of libtorch and of the standard
# library take most of the compile time. The preset debug does not use it, and so checks that each file
# includes what it needs.
option(LENSBENCH_UNITY "Compile many sources together: faster as a whole" OFF)

# Larger units take more time after a change and leave less to do side by side; smaller ones parse the
# same headers more often.
set(LENSBENCH_UNITY_BYTES 160000 CACHE STRING "Bytes of source after which the next folder starts a new unit")
mark_as_advanced(LENSBENCH_UNITY_BYTES)

# lensbench_unity(TARGET) compiles the sources of whole folders together, neighbours in one unit. Names
# in anonymous namespaces must therefore differ within a target.
function(lensbench_unity target)
  if(NOT LENSBENCH_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "\\.cpp$")
  set(folders)
  foreach(source ${sources})
    get_filename_component(source ${source} ABSOLUTE)
    if(NOT EXISTS ${source})  # generated
      continue()
    endif()
    get_filename_component(folder ${source} DIRECTORY)
    file(SIZE ${source} size)
    string(MAKE_C_IDENTIFIER ${folder} key)
    list(APPEND folders ${folder})
    list(APPEND sources_${key} ${source})
    math(EXPR size_${key} "0${size_${key}} + ${size}")
  endforeach()
  list(REMOVE_DUPLICATES folders)
  list(SORT folders)
  # The first unit has the name of the folder of CMakeLists.txt, so that a source of several targets
  # is in a unit of the same name in each.
  set(unit_folder ${CMAKE_CURRENT_SOURCE_DIR})
  set(filled 0)
  foreach(folder ${folders})
    string(MAKE_C_IDENTIFIER ${folder} key)
    math(EXPR sum "${filled} + ${size_${key}}")
    if(filled GREATER 0 AND sum GREATER LENSBENCH_UNITY_BYTES)
      set(unit_folder ${folder})
      set(sum ${size_${key}})
    endif()
    set(filled ${sum})
    file(RELATIVE_PATH unit ${CMAKE_SOURCE_DIR} ${unit_folder})
    string(MAKE_C_IDENTIFIER ${unit} unit)
    set_source_files_properties(${sources_${key}} TARGET_DIRECTORY ${target}
      PROPERTIES UNITY_GROUP ${unit})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
