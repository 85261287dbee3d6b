# Every outside library, found once. All are Debian 12 packages (scripts/install-deps); a newer
# libtorch can be given by CMAKE_PREFIX_PATH (docs/building.md).

find_package(Threads REQUIRED)
find_package(Torch REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C HL)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
# Newer Boost brings its own CMake package, and CMake then no longer its own finder.
find_package(Boost QUIET CONFIG COMPONENTS program_options)
if(NOT Boost_FOUND)
  find_package(Boost REQUIRED COMPONENTS program_options)
endif()

# Torch's headers as system headers, so that its warnings are not ours.
add_library(lensbench_torch INTERFACE)
target_include_directories(lensbench_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(lensbench_torch INTERFACE ${TORCH_LIBRARIES})
separate_arguments(LENSBENCH_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(lensbench_torch INTERFACE ${LENSBENCH_TORCH_FLAGS})
