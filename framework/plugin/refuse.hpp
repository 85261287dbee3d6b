#pragma once

#include <filesystem>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench {

/// `plug-in 'PATH': WHY`. \throws PluginError always
[[noreturn]] inline void refuse_plugin(PluginFault fault, const std::filesystem::path& path,
                                       const std::string& why) {
  throw PluginError(fault, "plug-in '" + path.string() + "': " + why);
}

}  // namespace lensbench
