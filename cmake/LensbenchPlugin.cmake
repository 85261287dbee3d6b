# lensbench_add_tool(NAME SOURCES file... [LINK_LIBRARIES lib...])
# lensbench_add_experiment(NAME SOURCES file... [LINK_LIBRARIES lib...])
#
# Builds a shared library the bench can load: hidden symbols, every symbol resolved at link time, and
# the text of the first source file embedded, so that an archive can say what ran.

set(LENSBENCH_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

function(lensbench_add_plugin_library name)
  cmake_parse_arguments(ARG "NO_INSTALL" "" "SOURCES;LINK_LIBRARIES" ${ARGN})
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "lensbench: '${name}' has no SOURCES")
  endif()
  list(GET ARG_SOURCES 0 main_source)
  get_filename_component(main_source ${main_source} ABSOLUTE)
  set(embedded ${CMAKE_CURRENT_BINARY_DIR}/${name}_source_text.cpp)
  add_custom_command(
    OUTPUT ${embedded}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${main_source} -DOUTPUT=${embedded}
            -P ${LENSBENCH_CMAKE_DIR}/EmbedSource.cmake
    DEPENDS ${main_source} ${LENSBENCH_CMAKE_DIR}/EmbedSource.cmake
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
