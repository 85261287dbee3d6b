# Settings of `cpack -G DEB` (or TGZ), which writes a package that installs to /usr.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "The lensbench authors")
set(CPACK_PACKAGE_CONTACT "The lensbench authors <authors@lensbench.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DESCRIPTION "lensbench opens Hugging Face checkpoints, runs interpretability tools
on them as plug-ins, and saves every result to an HDF5 archive that can be verified and replayed.
This package holds the command, the library, the tools and experiments that come with it, and what is
needed to build tools and experiments of your own.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# Packages and versions of the libraries are determined from the binaries.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
# Recommended: a fast BLAS, and the packages for building plug-ins (lensbench new tool).
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libopenblas0-pthread, g++, cmake, make | ninja-build, libtorch-dev")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
