#include "model/weight_taker.hpp"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "core/suggest.hpp"
#include "model/finite_check.hpp"
#include "model/hook_plan.hpp"

namespace lensbench {
namespace {

/// A list for a message, cut where nobody would read on.
std::string listed(std::vector<std::string> items) {
  constexpr std::size_t shown = 12;
  const std::size_t more = items.size() > shown ? items.size() - shown : 0;
  items.resize(items.size() - more);
  return join(items, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
  return std::string("[").append(join(sizes, ", ")) += "]";
}

bool is_weight_type(at::ScalarType type) {
  return type == at::kFloat || type == at::kHalf || type == at::kBFloat16 || type == at::kDouble;
}

}  // namespace

WeightTaker::~WeightTaker() = default;

CheckpointTaker::CheckpointTaker(const Checkpoint& checkpoint, const ModelOptions& options,
                                 std::string_view optional_prefix)
    : checkpoint_(checkpoint), options_(options), prefix_(optional_prefix) {}

std::string CheckpointTaker::stored_name(const std::string& name) const {
  return checkpoint_.has(prefix_ + name) ? prefix_ + name : name;
}

std::string CheckpointTaker::without_prefix(const std::string& name) const {
  return name.starts_with(prefix_) ? name.substr(prefix_.size()) : name;
}

bool CheckpointTaker::has(const std::string& name) const {
  return checkpoint_.has(stored_name(name));
}

at::Tensor CheckpointTaker::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const std::string stored = stored_name(name);
  if (checkpoint_.has(stored)) return take_stored(stored, shape);
  missing_.push_back(prefix_ + name);
  return {};
}

at::Tensor CheckpointTaker::take_head(const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  if (checkpoint_.has(name)) return take_stored(name, shape);
  missing_.push_back(name);
  return {};
}

at::Tensor CheckpointTaker::take_stored(const std::string& stored,
                                        const std::vector<std::int64_t>& shape) {
  taken_.insert(stored);
  const at::Tensor tensor = checkpoint_.tensor(stored);
  if (tensor.sizes() != at::IntArrayRef(shape)) {
    wrong_.push_back(stored + " is " + shape_text(tensor.sizes().vec()) + ", expected " +
                     shape_text(shape));
    return {};
  }
  if (!is_weight_type(tensor.scalar_type())) {
    wrong_.push_back(stored + " holds integers");
    return {};
  }
  names_.push_back(stored);
  tensors_.push_back(tensor.to(options_.dtype));
  return tensors_.back().to(options_.device);
}

Unembedding CheckpointTaker::take_unembedding(const TransformerSpec& spec, const std::string& name,
                                              const at::Tensor& embedding) {
  Unembedding unembedding;
  unembedding.logit_scale = spec.logit_scale;
  unembedding.logit_softcap = spec.logit_softcap;
  unembedding.weight = embedding;
  const bool stored = checkpoint_.has(name);
  if (spec.tied_unembedding && !stored) return unembedding;
  const std::string full_name = stored ? name : prefix_ + name;
  if (!stored && !checkpoint_.has(full_name)) {
    missing_.push_back(name);
    return unembedding;
  }
  const at::Tensor own = take(name, {spec.vocab_size, spec.embedding_width()});
  if (!spec.tied_unembedding)
    unembedding.weight = own;
  else if (own.defined() && embedding.defined() && !at::equal(own, embedding))
    wrong_.push_back(name +
                     " differs from the embedding although tie_word_embeddings is true (set it to "
                     "false in config.json to use both)");
  return unembedding;
}

void CheckpointTaker::finish(const std::vector<std::string_view>& buffers) {
  std::vector<std::string> extra;
  for (const std::string& name : checkpoint_.names()) {
    if (taken_.contains(name)) continue;
    const std::string plain = without_prefix(name);
    const bool known = std::any_of(buffers.begin(), buffers.end(), [&](std::string_view glob) {
      return glob_matches(glob, plain);
    });
    if (!known) extra.push_back(name);
  }
  if (missing_.empty() && wrong_.empty() && extra.empty()) return;
  std::vector<std::string> faults;
  if (!missing_.empty()) faults.push_back("missing: " + listed(missing_));
  if (!wrong_.empty()) faults.push_back("wrong: " + listed(wrong_));
  if (!extra.empty()) faults.push_back("not part of this model: " + listed(extra));
  throw InputError(checkpoint_.directory().string() + ": the tensors do not fit config.json; " +
                   join(faults, "; "));
}

void CheckpointTaker::require_finite() const {
  const auto found = find_non_finite(tensors_);
  if (!found) return;
  const std::string& name = names_[found->tensor];
  const at::Tensor stored = checkpoint_.tensor(name);
  std::vector<std::int64_t> place(stored.sizes().size());
  std::int64_t rest = found->element;
  for (std::size_t axis = place.size(); axis-- > 0; rest /= stored.sizes()[axis])
    place[axis] = rest % stored.sizes()[axis];
  const double value = stored.reshape({-1})[found->element].item<double>();
  const std::string what = checkpoint_.path_of(name).string() + ": tensor " + name + " holds " +
                           (std::isnan(value)   ? "NaN"
                            : std::isinf(value) ? "an infinity"
                                                : "") +
                           (std::isfinite(value) ? std::to_string(value) : "") + " at " +
                           shape_text(place);
  if (std::isfinite(value))
    throw InputError(what + ", which " + at::toString(options_.dtype) +
                     " cannot hold; run with --dtype bfloat16 or float32");
  throw InputError(what +
                   "; the weights are damaged (an overflow when they were converted, or a training "
                   "run that diverged): fetch or convert the checkpoint again");
}

}  // namespace lensbench
