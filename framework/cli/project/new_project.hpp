#pragma once

#include <filesystem>
#include <string>

namespace lensbench::cli {

enum class ProjectKind { tool, experiment };

/// Writes a project for a new tool or experiment: CMakeLists.txt, a source, a test and a README. It
/// builds, loads and passes its test without changes.
/// \param name    name of the tool or experiment: [a-z][a-z0-9_]*
/// \param folder  folder to write, new or empty
/// \throws UsageError for an invalid name, or a folder that is not empty
/// \throws RunError if the folder cannot be written
void write_project(ProjectKind kind, const std::string& name, const std::filesystem::path& folder);

/// Class name of a tool or experiment: `ResidualNorm` for `residual_norm`.
std::string class_name(const std::string& name);

}  // namespace lensbench::cli
