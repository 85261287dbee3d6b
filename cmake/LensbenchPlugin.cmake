# lensbench_add_tool(NAME SOURCES file... [LINK_LIBRARIES lib...] [SOURCE_TEXT file...])
# lensbench_add_experiment(NAME SOURCES file... [LINK_LIBRARIES lib...] [SOURCE_TEXT file...])
#
# Builds a shared library that the bench can load: symbols are hidden, all symbols are resolved at
# link time, and its source text is embedded, so that archives can store it: the files SOURCE_TEXT,
# then SOURCES, each with the files that it includes with quotes. Only files in the folder of the first
# one, below it, or in a folder `common` next to it are embedded (see EmbedSource.cmake). Generator
# expressions in SOURCES, such as $<TARGET_OBJECTS:...>, are linked and not embedded.

cmake_policy(PUSH)
cmake_policy(SET CMP0116 NEW)  # paths in a DEPFILE are absolute

function(lensbench_add_plugin_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "NO_INSTALL" "" "SOURCES;LINK_LIBRARIES;SOURCE_TEXT")
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "lensbench: '${name}' is not a valid name of a plug-in; use a lower-case "
      "letter followed by lower-case letters, digits and underscores")
  endif()
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "lensbench: '${name}': unexpected arguments '${ARG_UNPARSED_ARGUMENTS}'; give "
      "files after SOURCES: lensbench_add_tool(${name} SOURCES ${name}.cpp)")
  endif()
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR
      "lensbench: '${name}': SOURCES are missing; use lensbench_add_tool(${name} SOURCES ${name}.cpp)")
  endif()
  set(more)
  set(files ${ARG_SOURCE_TEXT} ${ARG_SOURCES})
  list(FILTER files EXCLUDE REGEX "^\\$<")
  foreach(source IN LISTS files)
    get_filename_component(source ${source} ABSOLUTE)
    list(APPEND more ${source})
  endforeach()
  list(GET more 0 main_source)
  list(JOIN more "|" more)
  set(embedded ${CMAKE_CURRENT_BINARY_DIR}/${name}_source_text.cpp)
  add_custom_command(
    OUTPUT ${embedded}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${main_source} "-DMORE=${more}" -DOUTPUT=${embedded}
            -DDEPFILE=${embedded}.d -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedSource.cmake
    DEPENDS ${main_source} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedSource.cmake
    DEPFILE ${embedded}.d
    VERBATIM)
  set_source_files_properties(${embedded} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  add_library(${name} MODULE ${ARG_SOURCES} ${embedded})
  target_link_libraries(${name} PRIVATE lensbench::lensbench ${ARG_LINK_LIBRARIES})
  target_compile_features(${name} PRIVATE cxx_std_20)
  if(TARGET lensbench_warnings)
    target_link_libraries(${name} PRIVATE lensbench_warnings)
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX "" INSTALL_RPATH "$ORIGIN/../.." CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lensbench/plugins)
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  if(NOT ARG_NO_INSTALL)
    if(TARGET product)
      add_dependencies(product ${name})
    endif()
    install(TARGETS ${name} LIBRARY DESTINATION lib/lensbench/plugins)
  endif()
endfunction()

function(lensbench_add_tool name)
  lensbench_add_plugin_library(${name} ${ARGN})
endfunction()

function(lensbench_add_experiment name)
  lensbench_add_plugin_library(${name} ${ARGN})
endfunction()

cmake_policy(POP)
