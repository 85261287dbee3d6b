# Every outside library, found once. All are Debian 12 packages (scripts/install-deps); a newer
# libtorch can be given by CMAKE_PREFIX_PATH (docs/building.md).

find_package(Threads REQUIRED)
include(LensbenchTorch)
find_package(HDF5 REQUIRED COMPONENTS C HL)
# The functions and types of HDF5 1.10 under the names they have there: newer versions have others of
# the same names.
target_compile_definitions(hdf5::hdf5 INTERFACE H5_USE_110_API)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
# Newer Boost brings its own CMake package, and CMake then no longer its own finder.
find_package(Boost QUIET CONFIG COMPONENTS program_options)
if(NOT Boost_FOUND)
  find_package(Boost REQUIRED COMPONENTS program_options)
endif()
