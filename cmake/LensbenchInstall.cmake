# Installs the CMake package, documents and examples; the command, the library, headers and plug-ins
# have their install rules where they are built. The layout of the tree is equal under every prefix
# and without folders of an architecture below `lib`, because its parts find each other by relative
# paths.

include(CMakePackageConfigHelpers)
set(package_files LensbenchTorch.cmake LensbenchPlugin.cmake EmbedSource.cmake)
list(TRANSFORM package_files PREPEND ${CMAKE_SOURCE_DIR}/cmake/)
write_basic_package_version_file(lensbenchConfigVersion.cmake COMPATIBILITY SameMajorVersion)

# Writes lensbenchConfig.cmake to FOLDER, for headers in the given folders.
function(lensbench_write_config folder)
  set(LENSBENCH_INCLUDE_DIRECTORIES ${ARGN})
  configure_file(${CMAKE_SOURCE_DIR}/cmake/lensbenchConfig.cmake.in
    ${folder}/lensbenchConfig.cmake @ONLY)
endfunction()

lensbench_write_config(${CMAKE_BINARY_DIR}/package "\${LENSBENCH_PREFIX}/include")
install(FILES ${package_files} ${CMAKE_BINARY_DIR}/package/lensbenchConfig.cmake
              ${CMAKE_BINARY_DIR}/lensbenchConfigVersion.cmake
        DESTINATION lib/cmake/lensbench)

# The build tree is a prefix too, so that plug-ins can be built against it.
file(GLOB tool_includes ${CMAKE_SOURCE_DIR}/plugins/*/include)
lensbench_write_config(${CMAKE_BINARY_DIR}/lib/cmake/lensbench
  ${CMAKE_SOURCE_DIR}/framework/include ${tool_includes})
file(COPY ${package_files} ${CMAKE_BINARY_DIR}/lensbenchConfigVersion.cmake
     DESTINATION ${CMAKE_BINARY_DIR}/lib/cmake/lensbench)

# The documents keep their places relative to each other, and with them what they link to.
set(documents share/doc/lensbench)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md DESTINATION ${documents}
        COMPONENT documents)
install(FILES LICENSE DESTINATION ${documents} RENAME copyright COMPONENT documents)
install(DIRECTORY docs examples DESTINATION ${documents} COMPONENT documents PATTERN api EXCLUDE)
install(FILES models/README.md DESTINATION ${documents}/models COMPONENT documents)
install(FILES tests/parity/archive_digests.py DESTINATION ${documents}/tests/parity
        COMPONENT documents)
# Manual page and shell completions, which the build writes (framework/CMakeLists.txt).
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/ DESTINATION share)
