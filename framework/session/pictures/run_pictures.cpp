#include "session/pictures/run_pictures.hpp"

#include <algorithm>
#include <filesystem>
#include <lensbench/error.hpp>
#include <utility>

#include "session/pictures/kept_pictures.hpp"
#include "session/pictures/picture_tokens.hpp"
#include "session/pictures/placeholders.hpp"
#include "session/pictures/prompt_text.hpp"

// Pictures of the cases of a run: read before the first case, so that everything that can be wrong
// with one is found before anything is computed.

namespace lensbench {
namespace {

const VisionSpec& tower_of(const Model& model) {
  return *model.spec().vision;
}

[[noreturn]] void refuse_pictures(const Model& model, const std::string& subject,
                                  const std::string& what) {
  throw UsageError(subject + ": " + what + ", but models of family '" + model.spec().family +
                   "' read text only; leave that out, or name a model with a vision tower");
}

}  // namespace

RunPictures::RunPictures(std::shared_ptr<const Model> model, PictureReading reading)
    : model_(std::move(model)), store_(std::move(reading)) {}

void RunPictures::add(CaseInput& input, const CasePictures& asked) {
  const auto tokenizer = model_->tokenizer();
  // Throws with the reason why there is no tokenizer.
  if (!tokenizer) to_tokens(*model_, input.text);
  input.text = picture_text({tower_of(*model_), *tokenizer, model_->directory()}, input, asked);
  Prompt prompt;
  std::vector<vision::PatchGrid> grids;
  grids.reserve(asked.images.size());
  for (const std::string& path : asked.images) {
    prompt.pictures.push_back(store_.add(path));
    grids.push_back(store_.files()[prompt.pictures.back()].grid);
  }
  const Tokens short_form = to_tokens(*model_, input.text);
  check_placeholders(tower_of(*model_), short_form.ids, grids, "case '" + input.id + "'");
  for (const std::size_t source : expanded_tokens(tower_of(*model_), short_form.ids, grids)) {
    prompt.tokens.ids.push_back(short_form.ids[source]);
    prompt.tokens.texts.push_back(short_form.texts[source]);
  }
  prompt.tokens.text = input.text;
  prompt.tokens.bos_added = short_form.bos_added;
  prompts_[input.id] = std::move(prompt);
}

void RunPictures::describe(RunPlan& plan, const FileDigest& digest) const {
  plan.request["pictures"] = store_.reading().values;
  if (const auto& file = store_.reading().file; file && !empty())
    plan.files.push_back(file_record("picture settings", *file, digest));
  for (CasePlan& one : plan.cases)
    if (has(one.id))
      for (const PictureFile* file : files_of(of(one.id))) one.pictures.push_back(file->record);
}

std::vector<std::string> RunPictures::paths(const RunPlan& plan) const {
  std::vector<std::string> paths;
  std::error_code error;
  for (const CasePlan& one : plan.cases)
    if (has(one.id))
      for (const PictureFile* file : files_of(of(one.id)))
        paths.push_back(std::filesystem::absolute(file->path, error).string());
  return paths;
}

std::vector<const PictureFile*> RunPictures::files_of(const Prompt& prompt) const {
  std::vector<const PictureFile*> files;
  files.reserve(prompt.pictures.size());
  for (const std::size_t number : prompt.pictures) files.push_back(&store_.files()[number]);
  return files;
}

std::int64_t RunPictures::token_count() const {
  std::int64_t count = 0;
  for (const auto& [id, prompt] : prompts_)
    count += std::count(prompt.tokens.ids.begin(), prompt.tokens.ids.end(),
                        tower_of(*model_).image_token_id);
  return count;
}

const Tokens& RunPictures::prompt(const std::string& case_id) const {
  return of(case_id).tokens;
}

Tokens RunPictures::tokens(const std::string& case_id) const {
  const Prompt& prompt = of(case_id);
  Tokens tokens = prompt.tokens;
  tokens.pictures.reserve(prompt.pictures.size());
  for (const std::size_t number : prompt.pictures) tokens.pictures.push_back(store_.rows(number));
  return tokens;
}

std::vector<Picture> RunPictures::pictures(const std::string& case_id) const {
  std::vector<Picture> pictures;
  for (const PictureFile* file : files_of(of(case_id)))
    pictures.push_back(
        {file->path, file->record.sha256, file->record.upright_width, file->record.upright_height});
  return pictures;
}

Dataset RunPictures::picture_tokens(const std::string& case_id) const {
  const Prompt& prompt = of(case_id);
  return picture_tokens_of(tower_of(*model_), prompt.tokens, files_of(prompt));
}

std::optional<Dataset> RunPictures::picture_files(const std::string& case_id) const {
  if (!store_.reading().keeps_files) return std::nullopt;
  return picture_files_of(files_of(of(case_id)));
}

std::shared_ptr<const RunPictures> read_pictures(std::vector<CaseInput>& cases,
                                                 std::shared_ptr<const Model> opened,
                                                 const Settings& settings) {
  const Model& model = *opened;
  const bool has_tower = model.spec().vision.has_value();
  if (!has_tower && !settings.empty())
    refuse_pictures(model, "setting '" + settings.begin()->first + "'", "it is one of pictures");
  const auto tokenizer = model.tokenizer();
  std::shared_ptr<RunPictures> pictures;
  const auto begin = [&] {
    if (!pictures)
      pictures = std::make_shared<RunPictures>(
          opened, picture_reading(tower_of(model), model.directory(), settings));
  };
  if (!settings.empty()) begin();
  for (CaseInput& input : cases) {
    const CasePictures asked = take_pictures(input);
    if (!asked.images.empty() && !has_tower)
      refuse_pictures(model, "case '" + input.id + "'", "it has pictures");
    if (!has_tower) continue;
    if (asked.images.empty()) {
      if (tokenizer)
        check_plain_text({tower_of(model), *tokenizer, model.directory()}, input, asked);
      continue;
    }
    begin();
    pictures->add(input, asked);
  }
  return pictures;
}

}  // namespace lensbench
