#pragma once

#include "cli/parse/options.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// Runs `lensbench list tools` and `list experiments`: lists the entries of plug-ins without
/// running them. \return 4 if a library was refused or an experiment cannot be created, else 0
int list_entries(PluginEntryKind kind, const Options& options);

}  // namespace lensbench::cli
