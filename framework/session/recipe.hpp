#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "core/files/file_digests.hpp"
#include "plugin/plugin_host.hpp"
#include "session/parameter_files.hpp"
#include "session/run_request.hpp"

namespace lensbench {

/// Complete request of a run, sufficient to repeat it: parameters with defaults resolved, hashes of
/// every file read, plug-ins with their hashes, prompts.
/// \param context  has the model; it tokenizes the prompts and hashes the files
/// \param entry  the experiment, or the tool of `lensbench tool`
/// \param tools  names of the tools in use
/// \param inputs  files read in addition to those of models: the prompts
/// \param digests  of files that earlier runs of this process hashed; nullptr: none
RunPlan make_plan(const RunRequest& request, const Context& context, const PluginHost& host,
                  const PluginInfo& entry, const std::vector<std::string>& tools,
                  const Parameters& parameters, const std::vector<CaseInput>& cases,
                  const std::vector<FileRecord>& inputs, FileDigests* digests = nullptr);

FileRecord prompts_record(const std::filesystem::path& file);

/// Display text of every id, and the raw bytes of tokens whose text differs from them.
struct ResultVocabulary {
  std::map<std::int64_t, std::string> texts, bytes;
};
ResultVocabulary vocabulary_of(const Model& model, const std::vector<std::int64_t>& ids);

}  // namespace lensbench
