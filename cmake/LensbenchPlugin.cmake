# lensbench_add_tool(NAME SOURCES file... [LINK_LIBRARIES lib...] [SOURCE_TEXT file])
# lensbench_add_experiment(NAME SOURCES file... [LINK_LIBRARIES lib...] [SOURCE_TEXT file])
#
# Builds a shared library that the bench can load: symbols are hidden, all symbols are resolved at
# link time, and the text of SOURCE_TEXT (by default the first source file) is embedded, so that
# archives can store it.

function(lensbench_add_plugin_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "NO_INSTALL" "SOURCE_TEXT" "SOURCES;LINK_LIBRARIES")
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
  set(main_source ${ARG_SOURCE_TEXT})
  if(NOT main_source)
    list(GET ARG_SOURCES 0 main_source)
  endif()
  get_filename_component(main_source ${main_source} ABSOLUTE)
  set(embedded ${CMAKE_CURRENT_BINARY_DIR}/${name}_source_text.cpp)
  add_custom_command(
    OUTPUT ${embedded}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${main_source} -DOUTPUT=${embedded}
            -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedSource.cmake
    DEPENDS ${main_source} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedSource.cmake
    VERBATIM)
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
