// Every path against runs with explicit hooks, as Wang et al. describe them: one run in which all
// heads (and MLPs) keep the base run's outputs but the sender has that of the source run, of which
// the receiver's input is read; then one whole forward with that input alone replaced.
#include <ATen/TensorOperators.h>

#include <cmath>
#include <map>

#include "path_fixture.hpp"
#include "support/random_model.hpp"

namespace lensbench::paths {
namespace {

// Float32 forwards in batches of another size, for logits of size about 1.
constexpr double kBruteForce = 2e-5;

constexpr std::int64_t kTarget = 6, kVersus = 9, kPosition = 4;

TransformerSpec spec_of(const std::string& family) {
  if (family == "gpt2") return small_gpt2_spec();
  TransformerSpec spec = small_llama_spec();
  if (family == "parallel") {
    spec.family = "gptj";
    spec.parallel_blocks = true;
  }
  return spec;
}

std::string in_block(std::int64_t block, const std::string& hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

class Paths : public ::testing::TestWithParam<const char*> {
 protected:
  using Activations = std::map<std::string, at::Tensor>;

  Activations read(const std::vector<std::int64_t>& ids, Hooks hooks,
                   const std::vector<std::string>& globs) const {
    Activations found;
    for (const std::string& glob : globs)
      hooks.read(glob, [&](const at::Tensor& x, const HookPoint& point) { found[point.name] = x; });
    bench_.model->forward(make_batch(bench_.tokens_of(ids)), {}, hooks);
    return found;
  }
  double metric(const Hooks& hooks) const {
    const at::Tensor row = bench_.model->forward(make_batch(bench_.tokens_of(kClean)), {}, hooks)
                               .logits[0][kPosition]
                               .to(at::kDouble);
    return (row[kTarget] - row[kVersus]).item<double>();
  }
  static Hooks& freeze(Hooks& hooks, const std::string& hook, const at::Tensor& value) {
    return hooks.replace(hook, [value](const at::Tensor&, const HookPoint&) { return value; });
  }

  /// Stream that a receiver reads in the first run. \param position  -1: all
  at::Tensor input(const std::string& sender, const std::string& stream, bool mlps,
                   std::int64_t position) const {
    const std::vector<std::string> outputs = {"hook_embed", "blocks.*.attn.hook_z",
                                              "blocks.*.hook_mlp_out"};
    Activations frozen = read(kClean, {}, outputs);
    const Activations source = read(kCorrupted, {}, outputs);
    const auto replace = [&](const std::string& hook, std::int64_t head) {
      at::Tensor changed = frozen.at(hook).clone();
      at::Tensor part = head < 0 ? changed : changed.select(2, head);
      const at::Tensor value = head < 0 ? source.at(hook) : source.at(hook).select(2, head);
      if (position < 0)
        part.copy_(value);
      else
        part.select(1, position).copy_(value.select(1, position));
      frozen[hook] = changed;
    };
    std::string own = "hook_embed";
    if (sender.starts_with("L")) {
      own = in_block(sender[1] - '0', "attn.hook_z");
      replace(own, sender[3] - '0');
    } else {
      if (sender != "embed") own = in_block(sender[0] - '0', "hook_mlp_out");
      replace(own, -1);
    }
    Hooks hooks;
    for (const auto& [hook, value] : frozen)
      if (!mlps || hook == own || hook.find("mlp_out") == std::string::npos)
        freeze(hooks, hook, value);
    return read(kClean, hooks, {stream}).at(stream);
  }

  /// Metric of the second run.
  double patched(const std::string& sender, const std::string& receiver, bool mlps = false,
                 std::int64_t position = -1) const {
    Hooks hooks;
    if (receiver == "logits")
      return metric(freeze(hooks, "blocks.2.hook_resid_post",
                           input(sender, "blocks.2.hook_resid_post", mlps, position)));
    if (receiver.ends_with("_mlp_in")) {
      const std::string hook = in_block(receiver[0] - '0', "hook_mlp_in");
      return metric(freeze(hooks, hook, input(sender, hook, mlps, position)));
    }
    const std::int64_t block = receiver[1] - '0';
    const at::Tensor x = input(sender, in_block(block, "hook_resid_pre"), mlps, position);
    const std::string letter(1, receiver.back());
    const std::size_t digits = receiver.find_last_of("HV");
    hooks.replace(in_block(block, "hook_" + letter + "_input"),
                  [&](const at::Tensor& old, const HookPoint&) {
                    at::Tensor changed = old.clone();
                    if (digits == std::string::npos)
                      changed.copy_(x.unsqueeze(2).expand_as(changed));
                    else
                      changed.select(2, receiver[digits + 1] - '0').copy_(x);
                    return changed;
                  });
    return metric(hooks);
  }
  bool possible(const std::string& sender, const std::string& receiver) const {
    if (sender == "embed" || receiver == "logits") return true;
    const int from = sender[sender[0] == 'L' ? 1 : 0], to = receiver[receiver[0] == 'L' ? 1 : 0];
    const bool middle =
        sender[0] == 'L' && receiver.ends_with("_mlp_in") && !bench_.model->spec().parallel_blocks;
    return middle ? to >= from : to > from;
  }
  PathPatchingOptions options() const {
    PathPatchingOptions options;
    options.metric.versus = Target::token(kVersus);
    options.metric.position = kPosition;
    options.min_gap = 0.0;
    options.senders = {"embed", "heads", "mlps"};
    options.receivers = {"all", "L2.q", "L2.k", "L2.v"};
    return options;
  }
  Dataset patch(const PathPatchingOptions& options) {
    return bench_.tool.patch_paths(bench_.tokens, bench_.tokens_of(kCorrupted),
                                   Target::token(kTarget), options);
  }
  void expect_every_path(bool mlps) {
    PathPatchingOptions given = options();
    given.recompute_mlps = mlps;
    const Dataset result = patch(given);
    const double base = metric({});
    EXPECT_NEAR(value_of(result, "base_metric"), base, kBruteForce);
    double largest = 0.0;
    for (const std::string& sender : result["sender"].strings)
      for (const std::string& receiver : result["receiver"].strings) {
        const double effect = path_of(result, "effect", sender, receiver);
        const std::string path = sender + " to " + receiver;
        ASSERT_EQ(std::isnan(effect), !possible(sender, receiver)) << path;
        if (std::isnan(effect)) continue;
        EXPECT_NEAR(effect, patched(sender, receiver, mlps) - base, kBruteForce) << path;
        EXPECT_NEAR(path_of(result, "recovery", sender, receiver), effect / value_of(result, "gap"),
                    1e-12);
        largest = std::max(largest, std::abs(effect));
      }
    EXPECT_GT(largest, 0.01);
    expect_receipts_hold(result);
  }

  PathBench bench_{random_model(spec_of(GetParam()), 6, at::kFloat, 0.3), kClean};
};

TEST_P(Paths, EveryPathWithFrozenMlps) {
  expect_every_path(false);
}

TEST_P(Paths, EveryPathWithMlpsRunAgain) {
  expect_every_path(true);
}

TEST_P(Paths, EveryPosition) {
  for (const bool mlps : {false, true}) {
    PathPatchingOptions given = options();
    given.by_position = true;
    given.recompute_mlps = mlps;
    given.senders = {"L0H1", "0_mlp_out"};
    given.receivers = {"L1.q", "L2.v", "2_mlp_in", "1_mlp_in", "L2.q", "logits"};
    const Dataset result = patch(given);
    const double base = metric({});
    for (const std::string& sender : given.senders)
      for (const std::string& receiver : given.receivers)
        for (std::int64_t t = 0; t < 6; ++t)
          EXPECT_NEAR(result["effect"]
                          .tensor[index_of(result, "sender", sender)]
                                 [index_of(result, "receiver", receiver)][t]
                          .item<double>(),
                      patched(sender, receiver, mlps, t) - base, kBruteForce)
              << sender << " to " << receiver << " at " << t;
    expect_receipts_hold(result);
  }
}

// The norms are recomputed on the changed stream; holding their scale gives other numbers.
TEST_P(Paths, NormsAreThoseOfTheChangedStream) {
  const Dataset result = patch(options());
  const auto logits = index_of(result, "receiver", "logits");
  const at::Tensor difference =
      result["effect"].tensor.select(1, logits) - result["frozen_norm_effect"].tensor;
  EXPECT_GT(difference.abs().max().item<double>(), 100 * kBruteForce);
}

TEST_P(Paths, WholeAttentionIsTheSumOfItsHeads) {
  PathPatchingOptions given = options();
  given.receivers = {"logits"};
  given.senders = {"attentions", "heads"};
  const Dataset result = patch(given);
  const at::Tensor& frozen = result["frozen_norm_effect"].tensor;
  const std::int64_t n_heads = bench_.model->spec().attention.n_heads;
  for (std::int64_t block = 0; block < 3; ++block)
    EXPECT_NEAR(frozen[block].item<double>(),
                frozen.narrow(0, 3 + block * n_heads, n_heads).sum().item<double>(), kBruteForce);
  EXPECT_EQ(result["sender"].strings.front(), "0_attn_out");
  expect_receipts_hold(result);
}

// Paths of the cells of one forward do not mix, whatever their number.
TEST_P(Paths, DoNotDependOnTheSizeOfBatches) {
  for (const bool mlps : {false, true}) {
    PathPatchingOptions given = options();
    given.recompute_mlps = mlps;
    const Dataset large = patch(given);
    given.most_cells = 3;
    const Dataset small = patch(given);
    EXPECT_LE(
        (large["effect"].tensor - small["effect"].tensor).nan_to_num().abs().max().item<double>(),
        kBruteForce);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Paths, ::testing::Values("gpt2", "llama", "parallel"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace lensbench::paths
