#pragma once

#include "cli/parse/options.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// `lensbench list tools` and `list experiments`: what plug-ins offer, without running any of it.
/// \return 4 if a library was refused or an experiment cannot be made, else 0
int list_entries(PluginEntryKind kind, const Options& options);

}  // namespace lensbench::cli
