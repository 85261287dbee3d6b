#include "checkpoints.hpp"

#include <algorithm>
#include <filesystem>
#include <lensbench/error.hpp>
#include <regex>
#include <system_error>
#include <utility>

#include "common/tokenizers.hpp"

namespace training_dynamics {
namespace {

using namespace lensbench;

constexpr const char* kName = "training_dynamics: ";

std::string name_of(const std::filesystem::path& folder) {
  const auto name = folder.filename();
  return (name.empty() ? folder.parent_path().filename() : name).string();
}

/// One number of an architecture by name.
struct Size {
  const char* name;
  double value;
};

std::vector<Size> sizes_of(const TransformerSpec& spec) {
  const auto number = [](auto value) { return static_cast<double>(value); };
  return {{"number of blocks", number(spec.n_layers)},
          {"width of the stream", number(spec.d_model)},
          {"size of the vocabulary", number(spec.vocab_size)},
          {"number of positions", number(spec.max_positions)},
          {"number of heads", number(spec.attention.n_heads)},
          {"number of key-value heads", number(spec.attention.n_key_value_heads)},
          {"width of a head", number(spec.attention.d_head)},
          {"scale of attention", spec.attention.scale},
          {"width of the MLP", number(spec.mlp.d_mlp)},
          {"number of experts", number(spec.mlp.n_experts)},
          {"activation", number(spec.mlp.activation)},
          {"kind of positions", number(spec.position)},
          {"theta of rotary positions", spec.rope ? spec.rope->theta : 0},
          {"kind of norm", number(spec.norm.kind)},
          {"place of norms", number(spec.norm_placement)},
          {"epsilon of norms", spec.norm.epsilon},
          {"tied unembedding", number(spec.tied_unembedding)},
          {"scale of logits", spec.logit_scale},
          {"cap of logits", spec.logit_softcap}};
}

std::string text_of(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// Earlier moments in the folder of a model: the folders of its `checkpoints` that have a step in
/// their names, by step.
std::vector<std::string> moments_of(const Model& model) {
  const std::filesystem::path folder = model.directory() / "checkpoints";
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (const auto step = step_in(entry.path().filename().string()); step && entry.is_directory())
      found.emplace_back(*step, entry.path().string());
  std::sort(found.begin(), found.end());
  if (found.empty())
    throw UsageError(kName + ("parameter 'checkpoints' is an empty list, and the model has no "
                              "folders such as '" +
                              (folder / "step-400").string() +
                              "'; give at least one earlier moment of the training run"));
  std::vector<std::string> paths;
  paths.reserve(found.size());
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::vector<std::int64_t> steps_of(const Parameters& given, const std::vector<Checkpoint>& all) {
  auto steps = given.integers("steps");
  if (steps.empty())
    for (const Checkpoint& one : all) steps.push_back(step_in(one.name).value_or(-1));
  if (steps.size() != all.size())
    throw UsageError(kName + ("parameter 'steps': found " + std::to_string(steps.size()) +
                              " numbers, expected " + std::to_string(all.size()) +
                              ": one for each of 'checkpoints' and one for the model"));
  std::int64_t last = -1;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] >= 0 && steps[i] <= last)
      throw UsageError(kName + ("'" + all[i].name + "' is of step " + std::to_string(steps[i]) +
                                " but comes after step " + std::to_string(last) +
                                "; give 'checkpoints' in the order of training, with the last "
                                "moment as the model"));
    if (steps[i] >= 0) last = steps[i];
  }
  return steps;
}

}  // namespace

std::optional<std::int64_t> step_in(const std::string& name) {
  static const std::regex pattern(R"((?:.*(?:step|checkpoint|ckpt)[-_]?)?(\d{1,15}))");
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) return std::nullopt;
  return std::stoll(match[1]);
}

std::string disagreement(const Model& model, const Model& other) {
  const TransformerSpec &ours = model.spec(), &theirs = other.spec();
  if (ours.family != theirs.family)
    return "its family is " + theirs.family + ", expected " + ours.family;
  const auto expected = sizes_of(ours), found = sizes_of(theirs);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (expected[i].value != found[i].value)
      return std::string("its ") + expected[i].name + " is " + text_of(found[i].value) +
             ", expected " + text_of(expected[i].value);
  return common::tokenizer_difference(model, other);
}

std::vector<Checkpoint> open_checkpoints(const Parameters& parameters, const Model& model) {
  std::vector<Checkpoint> all;
  const auto given = parameters.list("checkpoints");
  for (const std::string& path : given.empty() ? moments_of(model) : given) {
    auto other = Model::open(path, model.options());
    if (const auto problem = disagreement(model, *other); !problem.empty())
      throw InputError(kName + ("checkpoint '" + path + "' is not a moment of the training of '" +
                                model.directory().string() + "': " + problem +
                                "; give checkpoints of one training run"));
    all.push_back({name_of(path), -1, std::move(other)});
  }
  // The run owns its model and outlives the experiment.
  all.push_back({name_of(model.directory()), -1,
                 std::shared_ptr<const Model>(std::shared_ptr<const Model>(), &model)});
  const auto steps = steps_of(parameters, all);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].step = steps[i];
  return all;
}

}  // namespace training_dynamics
