# Finds all external libraries. All are Debian 12 packages (scripts/install-deps); CMAKE_PREFIX_PATH
# can select a newer libtorch (docs/building.md).

find_package(Threads REQUIRED)
include(LensbenchTorch)
find_package(HDF5 REQUIRED COMPONENTS C HL)
# Selects the functions and types of HDF5 1.10, whose names have other definitions in newer versions.
target_compile_definitions(hdf5::hdf5 INTERFACE H5_USE_110_API)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
# Decoders of pictures.
pkg_check_modules(PNG IMPORTED_TARGET libpng)
if(NOT PNG_FOUND)
  message(FATAL_ERROR "libpng was not found; install it (scripts/install-deps; Debian: libpng-dev)")
endif()
pkg_check_modules(WEBP IMPORTED_TARGET libwebp libwebpdemux)
if(NOT WEBP_FOUND)
  message(FATAL_ERROR "libwebp was not found; install it (scripts/install-deps; Debian: libwebp-dev)")
endif()
find_package(JPEG)
if(NOT JPEG_FOUND)
  message(FATAL_ERROR
    "libjpeg was not found; install it (scripts/install-deps; Debian: libjpeg62-turbo-dev)")
endif()
# Newer versions of Boost have a CMake package, and newer versions of CMake do not have FindBoost.
find_package(Boost QUIET CONFIG COMPONENTS program_options)
if(NOT Boost_FOUND)
  find_package(Boost REQUIRED COMPONENTS program_options)
endif()
