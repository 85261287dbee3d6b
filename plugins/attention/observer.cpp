#include "observer.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <limits>
#include <optional>

#include "common/worst.hpp"
#include "flow.hpp"

namespace lensbench::attention {
namespace {

std::string label_of(const Head& head) {
  return "L" + std::to_string(head.first) + "H" + std::to_string(head.second);
}

/// A whole number of digits alone.
std::optional<std::int64_t> number_of(std::string_view digits) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || digits.front() == '-' || error != std::errc() ||
      end != digits.data() + digits.size())
    return std::nullopt;
  return number;
}

/// `L5H1`. \throws UsageError for another form or a head that the model lacks
Head parse_head(const std::string& name, const TransformerSpec& spec) {
  const std::string last = label_of({spec.n_layers - 1, spec.attention.n_heads - 1});
  const std::size_t middle = name.find('H');
  std::optional<std::int64_t> block, head;
  if (name.starts_with('L') && middle != std::string::npos) {
    block = number_of(std::string_view(name).substr(1, middle - 1));
    head = number_of(std::string_view(name).substr(middle + 1));
  }
  if (!block || !head)
    throw UsageError("attention: patterns has '" + name +
                     "'; expected all, none or heads, from L0H0 to " + last);
  if (*block >= spec.n_layers || *head >= spec.attention.n_heads)
    throw UsageError("attention: patterns has head " + name + ", but the model has " +
                     std::to_string(spec.n_layers) + " blocks of " +
                     std::to_string(spec.attention.n_heads) + " heads; give L0H0 to " + last);
  return {*block, *head};
}

/// Distance from 1 to the next number of a type.
double epsilon_of(at::ScalarType type) {
  if (type == at::kBFloat16) return std::ldexp(1.0, -7);
  if (type == at::kHalf) return std::ldexp(1.0, -10);
  return std::numeric_limits<float>::epsilon();
}

/// Reads the blocks of one forward in turn.
class Observer {
 public:
  Observer(Context& context, std::int64_t n_tokens, const ObservationPlan& plan)
      : context_(context),
        spec_(context.model().spec()),
        plan_(plan),
        n_(n_tokens),
        seen_{.measures =
                  Measures(spec_.n_layers, spec_.attention.n_heads, n_tokens, plan.measures)} {
    if (plan.kept.all)
      seen_.pattern = at::empty({spec_.n_layers, spec_.attention.n_heads, n_, n_}, at::kFloat);
    else if (!plan.kept.heads.empty())
      seen_.pattern = at::empty({std::ssize(plan.kept.heads), n_, n_}, at::kFloat);
    if (plan.rollout) {
      seen_.rollout = at::zeros({spec_.n_layers + 1, n_, n_}, at::kDouble);
      // At layer 0 every position holds its own token only.
      seen_.rollout[0].copy_(at::eye(n_, at::kDouble));
    }
  }

  void run(const Tokens& tokens) {
    Hooks hooks;
    // A block computes its values, then the pattern, then the results of the heads.
    hooks.read("blocks.*.attn.hook_v",
               [&](const at::Tensor& v, const HookPoint&) { value_ = v[0]; });
    hooks.read("blocks.*.attn.hook_pattern",
               [&](const at::Tensor& pattern, const HookPoint&) { pattern_ = pattern[0]; });
    hooks.read("blocks.*.attn.hook_z", [&](const at::Tensor& z, const HookPoint& point) {
      read_block(point.layer, z[0]);
      value_ = pattern_ = at::Tensor();
    });
    ForwardOptions options;
    // Patterns do not depend on the prediction head.
    options.logits = ForwardOptions::Logits::none;
    context_.model().forward(make_batch(tokens), options, hooks);
  }

  // The maximum flow needs the mixed patterns of all blocks, hence after the forward.
  Observation finish() {
    if (!plan_.max_flow) return std::move(seen_);
    seen_.max_flow = max_flows(mixed_, plan_.position, [&](std::int64_t done) {
      context_.progress(done, n_);
      if (context_.cancelled()) throw RunError("attention: the run was interrupted");
    });
    seen_.flow_error = flow_error(widest_paths(mixed_, plan_.position), seen_.max_flow);
    return std::move(seen_);
  }

 private:
  // A block is measured as soon as its results exist and its patterns are dropped then, unless they
  // were asked for.
  void read_block(std::int64_t block, const at::Tensor& result) {
    seen_.pattern_epsilon = epsilon_of(pattern_.scalar_type());
    measure(block, result);
    keep(block);
    if (plan_.rollout || plan_.max_flow) pass_on(block);
  }

  // Heads are independent. Errors are collected by head and joined afterwards in order.
  void measure(std::int64_t block, const at::Tensor& result) {
    const std::int64_t n_heads = spec_.attention.n_heads;
    const std::int64_t group = n_heads / spec_.attention.n_key_value_heads;
    const at::Tensor output =
        context_.model().weight("blocks." + std::to_string(block) + ".attn.W_O");
    std::vector<HeadErrors> errors(static_cast<std::size_t>(n_heads));
    at::parallel_for(0, n_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t head = begin; head < end; ++head) {
        const HeadActivations one{exact(pattern_[head]), exact(value_.select(1, head / group)),
                                  exact(result.select(1, head)), exact(output[head])};
        errors[static_cast<std::size_t>(head)] =
            measure_head(spec_, block, head, one, plan_.measures, seen_.measures);
      }
    });
    Measures& all = seen_.measures;
    for (const HeadErrors& one : errors) {
      all.row_sum_error = worst_of(all.row_sum_error, one.row_sum);
      all.hidden_weight = worst_of(all.hidden_weight, one.hidden);
      all.result_error = worst_of(all.result_error, one.result);
    }
  }

  // float64 for all measures; the patterns of half-precision models are widened exactly.
  static at::Tensor exact(const at::Tensor& tensor) {
    return tensor.to(at::kCPU, at::kDouble).contiguous();
  }

  void keep(std::int64_t block) {
    if (plan_.kept.all) seen_.pattern[block].copy_(pattern_);
    for (std::size_t i = 0; i < plan_.kept.heads.size(); ++i)
      if (const auto [of_block, head] = plan_.kept.heads[i]; of_block == block)
        seen_.pattern[static_cast<std::int64_t>(i)].copy_(pattern_[head]);
  }

  // Rollout at layer l + 1 is the product of the mixed pattern of block l and the rollout so far.
  void pass_on(std::int64_t block) {
    const std::int64_t n_heads = spec_.attention.n_heads;
    at::Tensor mean = at::zeros({n_, n_}, at::kDouble);
    // The mean over heads in order, so that its bits do not depend on threads.
    for (std::int64_t head = 0; head < n_heads; ++head) mean += exact(pattern_[head]);
    const at::Tensor mixed =
        mixed_attention(mean / static_cast<double>(n_heads), plan_.residual_weight);
    if (plan_.rollout) seen_.rollout[block + 1].copy_(at::matmul(mixed, seen_.rollout[block]));
    if (plan_.max_flow) mixed_.push_back(mixed);
  }

  Context& context_;
  const TransformerSpec& spec_;
  const ObservationPlan& plan_;
  std::int64_t n_;
  at::Tensor value_, pattern_;     ///< values and pattern of the block that runs
  std::vector<at::Tensor> mixed_;  ///< one for each block, for the maximum flow
  Observation seen_;
};

}  // namespace

KeptPatterns parse_patterns(const std::vector<std::string>& names, const TransformerSpec& spec) {
  KeptPatterns kept;
  if (names.size() == 1 && names.front() == "all") {
    kept.all = true;
    return kept;
  }
  for (const std::string& name : names) {
    const Head head = parse_head(name, spec);
    if (std::find(kept.heads.begin(), kept.heads.end(), head) != kept.heads.end())
      throw UsageError("attention: patterns has head " + name + " twice; name it once");
    kept.heads.push_back(head);
    kept.labels.push_back(label_of(head));
  }
  return kept;
}

/// float32 for patterns, float64 for the rollout.
std::int64_t stored_bytes(const TransformerSpec& spec, const ObservationPlan& plan,
                          std::int64_t n_tokens) {
  const std::int64_t square = n_tokens * n_tokens;
  const std::int64_t heads =
      plan.kept.all ? spec.n_layers * spec.attention.n_heads : std::ssize(plan.kept.heads);
  const std::int64_t layers = plan.rollout ? spec.n_layers + 1 : 0;
  return square * (heads * std::int64_t{sizeof(float)} + layers * std::int64_t{sizeof(double)});
}

Observation observe(Context& context, const Tokens& tokens, const ObservationPlan& plan) {
  Observer observer(context, tokens.size(), plan);
  observer.run(tokens);
  return observer.finish();
}

}  // namespace lensbench::attention
