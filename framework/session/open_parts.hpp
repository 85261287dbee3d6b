#pragma once

#include <lensbench/model.hpp>
#include <memory>

#include "core/files/file_digests.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench {

/// What several runs of one process share. A run makes what is null itself.
struct OpenParts {
  std::shared_ptr<PluginHost> host;      ///< plug-ins that were found, and loaded where used
  std::shared_ptr<const Model> model;    ///< the model that the requests name
  std::shared_ptr<FileDigests> digests;  ///< SHA-256 of the files that earlier runs recorded
};

}  // namespace lensbench
