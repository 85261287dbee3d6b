#pragma once

#include <string>

// The folders and the compiler of this build, which CMake writes into folders.cpp. No other source
// of the tests holds one, so that a compiler cache finds their object files again in another
// checkout.

namespace lensbench::testing {

std::string source_folder();  ///< the root of the source tree
std::string data_folder();    ///< tests/data in it
std::string build_folder();   ///< the build tree, which has the shape of the installed tree
std::string cmake_program();  ///< the cmake that configured the build
std::string prefix_path();    ///< its CMAKE_PREFIX_PATH, separated by semicolons
std::string cxx_compiler();   ///< its C++ compiler, which plug-ins need as well
std::string cxx_flags();      ///< the flags that this build gives the compiler

}  // namespace lensbench::testing
