#pragma once

#include <filesystem>
#include <functional>
#include <lensbench/parameters.hpp>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "core/files/sha256.hpp"

namespace lensbench {

/// SHA-256 of a file.
using FileDigest = std::function<std::string(const std::filesystem::path&)>;

/// Record of a file: its name and digest. \throws InputError if it cannot be read
FileRecord file_record(const std::string& role, const std::filesystem::path& path,
                       const FileDigest& digest = sha256_file);

/// Records of all files that the parameters of types `model`, `models` and `file` name. A role
/// starts with the name of the parameter.
/// \throws InputError for a file or folder that is missing, or a folder where a file is expected
std::vector<FileRecord> parameter_file_records(const Parameters& parameters,
                                               const FileDigest& digest = sha256_file);

/// Values of the parameters without paths of this machine: a model is given by its name, a file by
/// its file name; the records have their digests.
Settings portable_values(const Parameters& parameters);

/// Values of the parameters that name models and files, with absolute paths, so that they are found
/// from another working directory.
Settings path_values(const Parameters& parameters);

/// Name of a model in archives: the last part of its path, without characters that are unsafe in a
/// file name.
std::string model_label(const std::string& model);

}  // namespace lensbench
