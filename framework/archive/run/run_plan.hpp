#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/json.hpp"

namespace lensbench {

/// A picture of a case. The plan never holds the picture itself.
struct PictureRecord {
  std::string name;              ///< name of the file, without its folder
  std::string sha256;            ///< SHA-256 of the file's bytes
  std::string rgb_sha256;        ///< SHA-256 of the upright RGB bytes, row by row
  std::string format;            ///< JPEG, PNG or WebP
  std::string changes = {};      ///< what became of alphas and of 16-bit values; mostly empty
  std::int64_t orientation = 1;  ///< EXIF's number, 1 to 8
  std::int64_t stored_width = 0, stored_height = 0;    ///< pixels in the file
  std::int64_t upright_width = 0, upright_height = 0;  ///< after the turn of the orientation
  std::int64_t resized_width = 0, resized_height = 0;  ///< as the model reads it
  std::int64_t token_columns = 0, token_rows = 0;      ///< its tokens, from left and from top
};

/// Request of one case.
struct CasePlan {
  std::string id;
  std::string text;  ///< empty if ids are given
  std::int64_t n_tokens = 0;
  std::string ids_sha256;              ///< SHA-256 of the token ids, computed by the command
  std::vector<std::int64_t> ids = {};  ///< the `n_tokens` token ids that the model receives
  std::map<std::string, std::string> fields = {};  ///< other fields of the case, as text
  std::string corrupted_text = {};  ///< its second prompt; empty without one, or if ids are given
  std::string corrupted_ids_sha256 = {};  ///< SHA-256 of its token ids; empty without one
  std::vector<PictureRecord> pictures = {};
};

/// A file that the run read: a model shard, a tokenizer, an input.
struct FileRecord {
  std::string role;
  std::string name;
  std::string sha256;
  std::int64_t bytes = 0;
};

struct PluginRecord {
  std::string name;
  std::string version;
  std::string sha256;
  std::string entries;      ///< tools and experiments of the plug-in with their versions
  std::string source = {};  ///< source text in its library; empty without one
};

/// The complete request of a run, which `/recipe` stores. Runs with equal plans are equal.
struct RunPlan {
  std::string title;
  std::string experiment;
  std::string experiment_version;
  nlohmann::json request;
  std::vector<FileRecord> files;
  std::vector<PluginRecord> plugins;
  std::vector<CasePlan> cases;
  std::string source;       ///< text of the experiment class as compiled
  std::int64_t passes = 1;  ///< number of passes over the cases
};

/// The plan as one JSON object.
nlohmann::json to_json(const RunPlan& plan);
/// The plan without its cases, on which the result of every case depends.
nlohmann::json request_json(const RunPlan& plan);
/// One case with its token ids, which `to_json` leaves out.
nlohmann::json case_json(const CasePlan& plan);

/// Limits for the files of a plan, which lensbench writes itself.
constexpr JsonLimits kPlanLimits = {.max_bytes = std::size_t{1} << 30, .max_depth = 64};

/// Keys of the units, one per case and pass, those of the first pass first: hashes of everything on
/// which the result of that case depends, so that no key depends on another case. The title and the
/// file of prompts are left out, since both change with the other cases.
std::vector<std::string> case_keys(const RunPlan& plan);

/// A plan with the plug-ins of another: with their records, the source and the version of the
/// experiment, so that only what else differs remains a difference.
/// \param plan    the plan
/// \param before  another plan as JSON \throws InputError if it is not the plan of a run
RunPlan with_plugins_of(RunPlan plan, const nlohmann::json& before);

/// Description of the differences between two plans, as JSON pointers with both values; empty if
/// they are equal.
std::string plan_difference(const nlohmann::json& before, const nlohmann::json& now);

}  // namespace lensbench
