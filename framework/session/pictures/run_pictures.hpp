#pragma once

#include <lensbench/experiment.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "bench/input/picture_prompts.hpp"
#include "session/parameter_files.hpp"
#include "session/pictures/picture_fields.hpp"
#include "session/pictures/picture_store.hpp"

namespace lensbench {

/// The pictures of a run and the prompts that have them.
class RunPictures final : public PicturePrompts {
 public:
  /// \param model    has a vision tower and a tokenizer
  /// \param reading  how the pictures are read
  RunPictures(std::shared_ptr<const Model> model, PictureReading reading);

  /// Reads the pictures of a case and makes its prompt; the text of the case becomes the whole text
  /// with one placeholder for each picture.
  /// \throws UsageError or InputError for whatever is wrong with the case or a picture
  void add(CaseInput& input, const CasePictures& asked);

  /// Adds to a plan the settings of pictures, the file that has those of the checkpoint, and what
  /// is known about each picture.
  void describe(RunPlan& plan, const FileDigest& digest) const;
  /// Absolute path of every picture, case by case in the order of the plan.
  std::vector<std::string> paths(const RunPlan& plan) const;
  bool empty() const { return prompts_.empty(); }
  /// Tokens of the pictures of all prompts.
  std::int64_t token_count() const;

  bool has(const std::string& case_id) const override { return prompts_.contains(case_id); }
  const Tokens& prompt(const std::string& case_id) const override;
  Tokens tokens(const std::string& case_id) const override;
  std::vector<Picture> pictures(const std::string& case_id) const override;
  Dataset picture_tokens(const std::string& case_id) const override;
  std::optional<Dataset> picture_files(const std::string& case_id) const override;

 private:
  struct Prompt {
    Tokens tokens;                      ///< without rows
    std::vector<std::size_t> pictures;  ///< their numbers in the store
  };
  const Prompt& of(const std::string& case_id) const { return prompts_.at(case_id); }
  std::vector<const PictureFile*> files_of(const Prompt& prompt) const;

  std::shared_ptr<const Model> model_;
  PictureStore store_;
  std::map<std::string, Prompt> prompts_;
};

/// Reads the pictures of all cases, whose fields about pictures are taken out. One picture that
/// cannot be read refuses the run.
/// \param settings  settings of pictures of the request
/// \return nullptr if neither a case nor a setting asks for pictures
/// \throws UsageError for pictures or settings of pictures and a model that reads text only
std::shared_ptr<const RunPictures> read_pictures(std::vector<CaseInput>& cases,
                                                 std::shared_ptr<const Model> model,
                                                 const Settings& settings);

}  // namespace lensbench
