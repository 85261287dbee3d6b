#include "continuations.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <map>
#include <utility>

#include "decode.hpp"

namespace lensbench::vision_lens {
namespace {

/// ReadStreams of a forward at each layer, [pos, d_model].
class ReadStreams {
 public:
  ReadStreams(const TransformerSpec& spec, const std::vector<std::int64_t>& layers) {
    for (const std::int64_t layer : layers) names_.push_back(residual_hook(spec, layer));
  }

  /// Hooks that read them; only the last position of a prompt is kept.
  Hooks hooks(bool only_last) {
    Hooks hooks;
    for (const std::string& name : names_)
      hooks.read(name, [this, name, only_last](const at::Tensor& value, const HookPoint&) {
        const at::Tensor rows = value.select(0, 0);
        read_[name] = (only_last ? rows.narrow(0, rows.size(0) - 1, 1) : rows).detach().clone();
      });
    return hooks;
  }

  std::vector<at::Tensor> layers() const {
    std::vector<at::Tensor> streams;
    streams.reserve(names_.size());
    for (const std::string& name : names_) streams.push_back(read_.at(name));
    return streams;
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, at::Tensor> read_;
};

/// ReadStreams at the positions before each token of a continuation.
std::vector<at::Tensor> streams_before(const Model& model, const Tokens& prompt,
                                       const KeyValueCache& cache,
                                       const std::vector<at::Tensor>& last,
                                       const std::vector<std::int64_t>& ids,
                                       const std::vector<std::int64_t>& layers) {
  if (ids.size() == 1) return last;
  Tokens text;
  text.ids.assign(ids.begin(), ids.end() - 1);
  ReadStreams streams(model.spec(), layers);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.prefix = &cache;
  options.prefix_columns = prompt.size();
  options.prompt_length = prompt.size();
  model.forward(make_batch(text), options, streams.hooks(false));
  std::vector<at::Tensor> before = streams.layers();
  for (std::size_t layer = 0; layer < before.size(); ++layer)
    before[layer] = at::cat({last[layer], before[layer]});
  return before;
}

}  // namespace

std::vector<std::vector<std::int64_t>> ids_of(const Model& model,
                                              const std::vector<std::string>& texts) {
  std::vector<std::vector<std::int64_t>> ids;
  ids.reserve(texts.size());
  for (const std::string& text : texts) ids.push_back(to_tokens(model, text, false).ids);
  return ids;
}

Continuations score_continuations(const Model& model, const Tokens& prompt,
                                  std::vector<std::vector<std::int64_t>> texts,
                                  const std::vector<std::int64_t>& layers) {
  Continuations result;
  result.ids = std::move(texts);
  KeyValueCache cache;
  ReadStreams streams(model.spec(), layers);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.cache = &cache;
  model.forward(make_batch(prompt), options, streams.hooks(true));
  const std::vector<at::Tensor> last = streams.layers();
  std::vector<at::Tensor> sums;
  sums.reserve(result.ids.size());
  for (const std::vector<std::int64_t>& ids : result.ids)
    sums.push_back(token_log_probabilities(model,
                                           streams_before(model, prompt, cache, last, ids, layers),
                                           at::tensor(ids, at::kLong))
                       .sum(1));
  result.log_probability = at::stack(sums, 1);
  return result;
}

}  // namespace lensbench::vision_lens
