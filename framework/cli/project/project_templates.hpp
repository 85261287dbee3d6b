#pragma once

#include <span>
#include <string_view>

namespace lensbench::cli {

/// A file of `templates/`, embedded: a command that was moved still has it.
struct ProjectTemplate {
  std::string_view kind;  ///< `tool` or `experiment`
  std::string_view file;  ///< name in the project, or `source.cpp.in`, which is named for the tool
  std::string_view text;  ///< with @NAME@ and @CLASS@
};

std::span<const ProjectTemplate> project_templates();

}  // namespace lensbench::cli
