#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// The directory of a model that a user named: a directory as it is, or `org/name`,
/// `org/name@revision` in the local hub cache, as `hf download` leaves it. Nothing is ever fetched.
///
/// The cache is `$HF_HUB_CACHE`, else `$HF_HOME/hub`, else `$XDG_CACHE_HOME/huggingface/hub`, else
/// `~/.cache/huggingface/hub`. In it, `models--org--name/refs/<revision>` holds a commit whose
/// files are in `snapshots/<commit>`; the revision is `main` unless given, and may be a commit
/// itself. \throws InputError that says what was searched and which command would fetch the model
LENSBENCH_API std::filesystem::path resolve_model_directory(const std::string& path_or_name);

/// Folders of every model and revision in the local hub cache, by name; none if there is no cache.
LENSBENCH_API std::vector<std::filesystem::path> hub_snapshots();

}  // namespace lensbench
