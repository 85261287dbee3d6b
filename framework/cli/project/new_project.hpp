#pragma once

#include <filesystem>
#include <string>

namespace lensbench::cli {

enum class ProjectKind { tool, experiment };

/// Writes a project for a tool or an experiment of one's own: CMakeLists.txt, a source, a test and
/// a README, which build, load and pass as they are. \param name    of the tool: [a-z][a-z0-9_]*
/// \param folder  the folder to write, which must not exist
/// \throws UsageError for a name that cannot be one, or a folder that exists
/// \throws RunError if the folder cannot be written
void write_project(ProjectKind kind, const std::string& name, const std::filesystem::path& folder);

/// `ResidualNorm` for `residual_norm`.
std::string class_name(const std::string& name);

}  // namespace lensbench::cli
