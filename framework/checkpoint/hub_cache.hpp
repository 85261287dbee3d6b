#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lensbench {

/// Directory of a model that a user names: a path, or `org/name` or `org/name@revision` in the
/// local hub cache, which `hf download` fills. This function never downloads.
///
/// The cache is `$HF_HUB_CACHE`, else `$HF_HOME/hub`, else `$XDG_CACHE_HOME/huggingface/hub`, else
/// `~/.cache/huggingface/hub`. Its file `models--org--name/refs/<revision>` contains a commit hash,
/// and the files of the commit are in `snapshots/<commit>`. The default revision is `main`; a
/// commit hash is also valid as revision. \throws InputError with the searched folder and the
/// command that downloads the model
std::filesystem::path resolve_model_directory(const std::string& path_or_name);

/// Folders of all models and revisions in the local hub cache, sorted by name; empty without a
/// cache.
std::vector<std::filesystem::path> hub_snapshots();

}  // namespace lensbench
