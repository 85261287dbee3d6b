#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/request.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Prompts with pictures of a run, by the id of their case.
class PicturePrompts {
 public:
  virtual ~PicturePrompts();
  /// Whether this case has pictures. The other functions need such a case.
  virtual bool has(const std::string& case_id) const = 0;
  /// Tokens of the prompt, with a placeholder for each token of a picture and without the rows of
  /// the pictures.
  virtual const Tokens& prompt(const std::string& case_id) const = 0;
  /// Tokens of the case with the rows of its pictures, which may have to be read again.
  /// \throws InputError for a file that has changed since the run began
  virtual Tokens tokens(const std::string& case_id) const = 0;
  /// Picture files of the case.
  virtual std::vector<Picture> pictures(const std::string& case_id) const = 0;
  /// Result `picture_tokens`: which part of which picture each of its tokens reads.
  virtual Dataset picture_tokens(const std::string& case_id) const = 0;
  /// Result `picture_files`: the files themselves; empty for a run that does not keep them.
  /// \throws InputError for a file that has changed since the run began
  virtual std::optional<Dataset> picture_files(const std::string& case_id) const = 0;
};

/// Name of the result that the bench saves for cases with pictures.
inline constexpr const char* kPictureTokens = "picture_tokens";

/// A model for the cases of a run, some of which have pictures. It computes as the given one.
std::shared_ptr<const Model> with_picture_prompts(std::shared_ptr<const Model> model,
                                                  std::shared_ptr<const PicturePrompts> prompts);

/// Prompts that were given with `with_picture_prompts`; nullptr for other models.
const PicturePrompts* picture_prompts_of(const Model& model);

/// The prompts with pictures of a model if this case is one of them, else nullptr.
const PicturePrompts* picture_prompts_of(const Model& model, const std::string& case_id);

}  // namespace lensbench
