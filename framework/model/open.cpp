#include "model/open.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <set>
#include <utility>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/config.hpp"
#include "checkpoint/hub_cache.hpp"
#include "core/text/suggest.hpp"
#include "model/families/family.hpp"
#include "model/families/language_part.hpp"
#include "model/forward/transformer_model.hpp"
#include "model/generation/generation_settings.hpp"
#include "model/weights/finite_check.hpp"
#include "model/weights/quantized_check.hpp"
#include "model/weights/quantized_tensor.hpp"
#include "model/weights/visit_weights.hpp"
#include "model/weights/weight_taker.hpp"

namespace lensbench {
namespace {

void check_options(const ModelOptions& options) {
  if (options.dtype != at::kFloat && options.dtype != at::kBFloat16 && options.dtype != at::kHalf)
    throw UsageError(std::string("model dtype: found ") + at::toString(options.dtype) +
                     "; expected float32, bfloat16 or float16");
}

/// Quantized weights are made from their codes by loops for the CPU.
void check_device(const Checkpoint& checkpoint, const ModelOptions& options) {
  if (!checkpoint.quantization() || options.device.is_cpu()) return;
  throw UsageError("model device: " + checkpoint.directory().string() +
                   " has quantized weights, which are multiplied on the CPU; expected cpu, found " +
                   options.device.str() + "; leave the device out, or use plain weights");
}

/// Whether opening a model reads all weights once to check that they are finite.
enum class Values { check, leave };

/// Index of a flat element as text, such as `[3, 17]`, for messages about a tensor.
std::string index_text(const at::Tensor& tensor, std::int64_t element) {
  std::vector<std::string> index(tensor.sizes().size());
  for (std::size_t axis = index.size(); axis-- > 0; element /= tensor.sizes()[axis])
    index[axis] = std::to_string(element % tensor.sizes()[axis]);
  return "[" + join(index, ", ") + "]";
}

/// Checks that all weights are finite, reading them from the mapped file. Buffers that nothing
/// reads may hold infinities: masking constants overflow in half precision. \throws InputError that
/// names a tensor with NaN or an infinity
void require_finite(const Checkpoint& checkpoint, const std::set<std::string>& weights) {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const std::string& name : weights) {
    if (!at::isFloatingType(checkpoint.entry(name).dtype)) continue;
    names.push_back(name);
    tensors.push_back(checkpoint.tensor(name));
  }
  const auto found = find_non_finite(tensors);
  if (!found) return;
  const at::Tensor& tensor = tensors[found->tensor];
  const double value = tensor.reshape({-1})[found->element].item<double>();
  throw InputError(checkpoint.directory().string() + ": tensor " + names[found->tensor] +
                   " holds " + (std::isnan(value) ? "NaN" : "an infinity") + " at " +
                   index_text(tensor, found->element) +
                   "; the weights are damaged (an overflow when they were converted, or a training "
                   "run that diverged): fetch or convert the checkpoint again");
}

/// Checks that no finite weight overflows in conversion to `type`. \throws InputError that names
/// one
void require_representable(const Checkpoint& checkpoint, const std::set<std::string>& weights,
                           at::ScalarType type) {
  for (const std::string& name : weights) {
    const at::ScalarType stored = checkpoint.entry(name).dtype;
    // Conversions that keep or widen the range of exponents are left out: they cost a pass over the
    // weights and cannot overflow a trained value.
    const bool wider = stored == at::kDouble || (type == at::kHalf && stored != at::kHalf);
    if (!wider || !at::isFloatingType(stored)) continue;
    const at::Tensor tensor = checkpoint.tensor(name);
    const auto found = find_non_finite({tensor.to(type)});
    if (!found) continue;
    const double value = tensor.reshape({-1})[found->element].item<double>();
    throw InputError(checkpoint.directory().string() + ": tensor " + name + " holds " +
                     std::to_string(value) + " at " + index_text(tensor, found->element) +
                     ", which " + at::toString(type) +
                     " cannot hold; compute in bfloat16 or float32");
  }
}

/// Weights of a checkpoint, with the names of its tensors.
struct Loaded {
  ModelWeights weights;
  std::set<std::string> taken;        ///< tensors that the model computes with
  std::vector<std::string> left_out;  ///< tensors that the logits do not depend on
};

/// Families slice and transpose quantized weights as they are; a copy of one has lost its numbers.
void require_kept(const Checkpoint& checkpoint, std::string_view family, ModelWeights& weights) {
  visit_weights(weights, [&](at::Tensor& tensor) {
    if (tensor.is_meta() && !is_quantized(tensor))
      throw InputError(checkpoint.quantization()->place + ": the weights are " +
                       checkpoint.quantization()->name + ", which the family '" +
                       std::string(family) + "' does not support; use plain weights");
  });
}

/// Takes the weights of the language part. Its prefix in a larger checkpoint replaces the optional
/// one of the family.
Loaded load_weights(const LanguagePart& part, const Family& family, const TransformerSpec& spec,
                    const Checkpoint& checkpoint, const ModelOptions& options, Values values) {
  const std::string_view prefix =
      part.body_prefix.empty() ? family.optional_prefix : std::string_view(part.body_prefix);
  const ConfigReader config(part.config, part.config_place);
  const FamilySettings settings = family.settings(config, spec);
  CheckpointTaker taker(checkpoint, options, prefix, part.head_prefix, settings);
  Loaded loaded;
  loaded.weights = family.take_weights(spec, taker);
  loaded.weights.settings = settings;
  // A field of lensbench, which other programs ignore: a folder with layers that are not meant is
  // otherwise the same as one with a wrong number.
  const bool shorter = config.boolean_or("leave_out_layers", false);
  loaded.left_out = taker.finish(family.buffers, part.other_parts, shorter);
  if (checkpoint.quantization()) require_kept(checkpoint, family.model_type, loaded.weights);
  if (values == Values::check) {
    require_finite(checkpoint, taker.taken());
    require_representable(checkpoint, taker.taken(), options.dtype);
    require_sound(checkpoint.directory(), taker.quantized(), options.dtype);
  }
  loaded.taken = taker.taken();
  return loaded;
}

/// Reads the settings of generation from generation_config.json, or from config.json if there is no
/// such file. A generation_config.json without `eos_token_id` means none, as in transformers.
void read_generation(const Checkpoint& checkpoint, const LanguagePart& part, ModelParts& parts) {
  const bool own = checkpoint.generation_config().is_object();
  const nlohmann::json& settings = own ? checkpoint.generation_config() : part.generation;
  const auto place = own ? checkpoint.directory() / "generation_config.json" : part.config_place;
  parts.end_of_sequence_ids =
      ConfigReader(settings, place).integer_or_integers("eos_token_id", {-1, kDimension.max});
  parts.generation_notes = notes_on_generation(settings, place.string());
}

/// Adds a sentence that names the tensors of element types that cannot be read. The model needs
/// none of them, since the taker refuses those that it needs.
/// \param taken  tensors that the model computes with, some of which are codes of such a type
void note_unreadable(const Checkpoint& checkpoint, const std::set<std::string>& taken,
                     std::vector<std::string>& notes) {
  std::vector<std::string> unread;
  for (const std::string& name : checkpoint.names())
    if (const auto& type = checkpoint.entry(name).unreadable_type;
        !type.empty() && !taken.contains(name))
      unread.push_back(name + " (" + type + ")");
  if (unread.empty()) return;
  // A further layer of a quantized model has hundreds.
  constexpr std::size_t kShown = 12;
  const std::size_t more = unread.size() > kShown ? unread.size() - kShown : 0;
  unread.resize(unread.size() - more);
  notes.push_back(
      "not read, since the model does not use them and their element types are not supported: " +
      join(unread, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : ""));
}

/// Every file that was read, including those of the tokenizer; weights come last.
std::vector<ModelFile> all_files(const Checkpoint& checkpoint, const Tokenizer* tokenizer) {
  std::vector<ModelFile> files = checkpoint.files();
  if (!tokenizer) return files;
  const auto weights = std::find_if(files.begin(), files.end(), [](const ModelFile& file) {
    return file.role.starts_with("weights");
  });
  std::vector<ModelFile> own;
  for (const auto& path : tokenizer->files()) own.push_back({"tokenizer", path});
  files.insert(weights, own.begin(), own.end());
  return files;
}

/// \param taken  names of the tensors that the model computes with
/// \param left_out  names of tensors that are not read
std::vector<std::string> notes_of(const Checkpoint& checkpoint, const LanguagePart& part,
                                  const std::set<std::string>& taken,
                                  const std::vector<std::string>& left_out) {
  std::vector<std::string> notes = checkpoint.notes();
  if (const auto& quantization = checkpoint.quantization())
    notes.push_back("quantized weights (" + quantization->name +
                    "), read where they are in the file and multiplied in float32" +
                    (quantization->quantized_activations
                         ? "; what they multiply is not quantized, as a GPU may do"
                         : ""));
  if (part.text_only)
    notes.push_back("the language model of a checkpoint of text and images, which reads text only");
  if (!left_out.empty())
    notes.push_back("left out, since the logits do not depend on them: " + join(left_out, ", "));
  note_unreadable(checkpoint, taken, notes);
  return notes;
}

/// config.json is read completely before the first weight, so that an unsupported setting is
/// reported by its field and not as a missing tensor.
std::shared_ptr<const Model> open_model(const std::string& path_or_name,
                                        const ModelOptions& options, Values values) {
  check_options(options);
  const Checkpoint checkpoint(resolve_model_directory(path_or_name));
  check_device(checkpoint, options);
  const LanguagePart part = language_part(checkpoint);
  const ConfigReader config(part.config, part.config_place);
  const Family& family = find_family(config);
  TransformerSpec spec = family.read_spec(config);
  ModelParts parts;
  Loaded loaded = load_weights(part, family, spec, checkpoint, options, values);
  parts.notes = notes_of(checkpoint, part, loaded.taken, loaded.left_out);
  parts.options = options;
  parts.directory = checkpoint.directory();
  parts.tokenizer = Tokenizer::open(checkpoint.directory());
  parts.files = all_files(checkpoint, parts.tokenizer.get());
  read_generation(checkpoint, part, parts);
  return make_model(std::move(spec), std::move(loaded.weights), std::move(parts));
}

}  // namespace

std::shared_ptr<const Model> Model::open(const std::string& path_or_name,
                                         const ModelOptions& options) {
  return open_model(path_or_name, options, Values::check);
}

std::shared_ptr<const Model> open_without_reading(const std::string& path_or_name,
                                                  const ModelOptions& options) {
  return open_model(path_or_name, options, Values::leave);
}

}  // namespace lensbench
