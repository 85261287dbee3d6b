#include "support/faulty_model.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linspace.h>

#include <algorithm>
#include <lensbench/weight_changes.hpp>
#include <utility>
#include <vector>

#include "model/weights/changed_weights.hpp"

namespace lensbench::testing {
namespace {

class FaultyModel final : public Model, public Reweighted {
 public:
  FaultyModel(std::shared_ptr<const Model> model, Faults faults)
      : model_(std::move(model)), faults_(std::move(faults)) {}

  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override {
    return model_->end_of_sequence_ids();
  }
  at::Tensor final_norm(const at::Tensor& residual) const override {
    return model_->final_norm(residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    return model_->unembed(normalized);
  }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override {
    const at::Tensor right = model_->weight(name);
    return faults_.weight ? faults_.weight(std::string(name), right) : right;
  }
  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    const AskedForward asked(tokens, options, hooks);  // before the cache grows
    ForwardOutput out = model_->forward(tokens, options, changed(hooks, options.gradients));
    if (!faults_.stream) return out;
    const at::Tensor stream = faults_.stream(out.residual, asked);
    if (stream.is_same(out.residual)) return out;
    out.residual = stream;
    if (!out.logits.defined()) return out;
    const std::int64_t count = out.logits.size(1), first = stream.size(1) - count;
    out.logits = unembed(final_norm(stream.narrow(1, first, count)));
    return out;
  }
  const std::vector<WeightChange>& changes() const override {
    static const std::vector<WeightChange> none;
    const auto* own = dynamic_cast<const Reweighted*>(model_.get());
    return own == nullptr ? none : own->changes();
  }
  std::shared_ptr<const Model> reweighted(const std::vector<WeightChange>& changes) const override {
    return std::make_shared<FaultyModel>(with_weights(model_, changes), faults_);
  }

 private:
  Hooks changed(const Hooks& hooks, bool gradients) const {
    Hooks all;
    for (const Hooks::Entry& entry : hooks.entries()) {
      if (entry.replacer) {
        const bool faulty = faults_.replacement && !gradients;
        all.replace(entry.glob, faulty ? faults_.replacement(entry.replacer) : entry.replacer);
        continue;
      }
      // One fault for all readers: it may count what it has seen.
      all.read(entry.glob, [&read = faults_.read, reader = entry.reader](const at::Tensor& right,
                                                                         const HookPoint& point) {
        const at::Tensor other = read ? read(right, point) : at::Tensor();
        reader(other.defined() ? other : right, point);
      });
    }
    return all;
  }

  std::shared_ptr<const Model> model_;
  Faults faults_;
};

}  // namespace

AskedForward::AskedForward(const TokenBatch& tokens, const ForwardOptions& options,
                           const Hooks& hooks)
    : in_a_batch((options.residual.defined() ? options.residual : tokens.ids).size(0) > 1),
      continues(options.prefix != nullptr ||
                (options.cache != nullptr && options.cache->length() > 0)),
      is_partial(options.start_at_layer > 0 || options.stop_at_layer.has_value()),
      replaces(std::any_of(
          hooks.entries().begin(), hooks.entries().end(),
          [](const Hooks::Entry& entry) { return static_cast<bool>(entry.replacer); })) {}

std::shared_ptr<const Model> faulty(std::shared_ptr<const Model> model, Faults faults) {
  return std::make_shared<FaultyModel>(std::move(model), std::move(faults));
}

at::Tensor slightly_off(const at::Tensor& right) {
  const at::Tensor ramp = at::linspace(-1, 1, right.size(-1), right.options().requires_grad(false));
  return right * 1.01 + ramp * (0.01 * right.detach().abs().mean());
}

Faults off_where(std::function<bool(const AskedForward&)> which) {
  Faults faults;
  faults.stream = [which = std::move(which)](const at::Tensor& right, const AskedForward& asked) {
    return which(asked) ? slightly_off(right) : right;
  };
  return faults;
}

Faults never_twice_the_same() {
  Faults faults;
  faults.stream = [calls = 0](const at::Tensor& right, const AskedForward&) mutable {
    at::Tensor stream = right;
    for (int i = 0; i < calls; ++i) stream = slightly_off(stream);
    ++calls;
    return stream;
  };
  return faults;
}

Faults deaf() {
  Faults faults;
  faults.replacement = [](const HookReplacer&) -> HookReplacer {
    return [](const at::Tensor&, const HookPoint&) { return at::Tensor(); };
  };
  return faults;
}

Faults acting_twice() {
  Faults faults;
  faults.replacement = [](const HookReplacer& right) -> HookReplacer {
    return [right](const at::Tensor& x, const HookPoint& point) {
      const at::Tensor once = right(x, point);
      return once.defined() ? right(once, point) : once;
    };
  };
  return faults;
}

}  // namespace lensbench::testing
