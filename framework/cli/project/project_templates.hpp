#pragma once

#include <span>
#include <string_view>

namespace lensbench::cli {

/// A file of `templates/`, embedded in the program so that it works wherever it is moved.
struct ProjectTemplate {
  std::string_view kind;  ///< `tool` or `experiment`
  std::string_view file;  ///< name in the project; `source.cpp.in` gets the name of the tool
  std::string_view text;  ///< contents with @NAME@ and @CLASS@
};

std::span<const ProjectTemplate> project_templates();

}  // namespace lensbench::cli
