#pragma once

#include <filesystem>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench {

/// Refuses a plug-in. \throws PluginError always, with the message `plug-in 'PATH': WHY`
[[noreturn]] inline void refuse_plugin(PluginFault fault, const std::filesystem::path& path,
                                       const std::string& why) {
  throw PluginError(fault, "plug-in '" + path.string() + "': " + why);
}

}  // namespace lensbench
