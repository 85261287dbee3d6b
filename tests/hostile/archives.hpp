#pragma once

#include <hdf5.h>

#include <filesystem>
#include <map>
#include <string>

#include "support/process.hpp"

namespace lensbench::testing {

/// Writes a small archive of two cases, in a process of its own.
void write_small_archive_apart(const std::filesystem::path& path);

/// All that is in a file, decoded by the plain HDF5 library: of each object its kind, type, shape,
/// elements and every attribute, by path. Nothing of lensbench reads here.
/// \throws std::runtime_error if something cannot be read
using Content = std::map<std::string, std::string>;
Content decoded(const std::string& path);

/// Exit code, words, and what it took.
struct Measured {
  Outcome outcome;
  double seconds = 0;
  long peak_kib = 0;  ///< memory of the largest process, its children included
};
Measured run_measured(const std::vector<std::string>& command);

/// The command in this process (what reads the file is a child of it), with what it prints.
Outcome run_here(const std::vector<std::string>& arguments);

}  // namespace lensbench::testing
