#include "measure.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <lensbench/random.hpp>
#include <lensbench/readout.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>

namespace lensbench::surgery {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Numbers of float32 that the streams of variants of one pass have at most: 64 MiB.
constexpr std::int64_t kPassNumbers = std::int64_t{1} << 24;

at::Tensor next_ids(const Tokens& tokens) {
  std::vector<std::int64_t> next(tokens.ids.begin() + 1, tokens.ids.end());
  next.push_back(tokens.ids.front());  // without a meaning; its value becomes NaN
  return at::tensor(next, at::kLong);
}

/// Scores of variants whose last streams are given.
/// The unchanged model is the last layer of the readout, so divergence and first choices are
/// compared with it.
void read_scores(const Model& model, const Window& window, std::vector<at::Tensor> streams,
                 std::int64_t first, Scores& scores) {
  const auto count = static_cast<std::int64_t>(streams.size());
  streams.push_back(window.streams.back());
  ReadoutOptions options;
  options.top_k = 1;
  options.entropy = false;
  options.scored_ids = next_ids(window.tokens);
  // Streams of all variants of the pass are decoded in one readout.
  const Readout out = read_out(model.unembedding(), model.final_norm(at::cat(streams)), options);
  at::Tensor surprise = -out.scored_log_probabilities.to(at::kDouble);
  // Nothing follows the last token.
  surprise.select(1, surprise.size(1) - 1).fill_(kNan);
  scores.whole_cross_entropy = surprise[count];
  const at::Tensor top = out.top_ids.select(2, 0);
  scores.cross_entropy.narrow(0, first, count).copy_(surprise.narrow(0, 0, count));
  scores.kl.narrow(0, first, count).copy_(out.kl_to_last.narrow(0, 0, count));
  scores.agrees.narrow(0, first, count).copy_(top.narrow(0, 0, count).eq(top[count]));
}

/// Sums over tokens of the cosine of the streams before and after each block (Men et al. 2024,
/// arXiv:2403.03853).
at::Tensor mean_cosine_sums(const Window& window) {
  std::vector<at::Tensor> sums;
  for (std::size_t l = 0; l + 1 < window.streams.size(); ++l) {
    const at::Tensor a = window.streams[l][0].to(at::kCPU).to(at::kDouble);
    const at::Tensor b = window.streams[l + 1][0].to(at::kCPU).to(at::kDouble);
    sums.push_back(((a * b).sum(-1) / (a.norm(2, -1) * b.norm(2, -1))).sum());
  }
  return at::stack(sums);
}

}  // namespace

Scores measure(const Model& model, const Window& window, const std::vector<Variant>& variants) {
  const std::int64_t n = std::ssize(variants), tokens = window.tokens.size();
  Scores scores{{},
                at::empty({n, tokens}, at::kDouble),
                at::empty({n, tokens}, at::kDouble),
                at::empty({n, tokens}, at::kBool)};
  // The memory limits how many variants run together; the result does not depend on it.
  const std::int64_t pass =
      std::max<std::int64_t>(1, kPassNumbers / (tokens * model.spec().d_model));
  for (std::int64_t first = 0; first < n; first += pass) {
    std::vector<at::Tensor> streams;
    for (std::int64_t i = first; i < std::min(n, first + pass); ++i) {
      streams.push_back(variants[static_cast<std::size_t>(i)].run(window));
      scores.any_change = scores.any_change || !at::equal(streams.back(), window.streams.back());
    }
    read_scores(model, window, std::move(streams), first, scores);
  }
  return scores;
}

Totals::Totals(std::int64_t variants)
    : kl_(at::zeros({variants}, at::kDouble)), agrees_(at::zeros({variants}, at::kDouble)) {}

/// Windows have different lengths, so sums are kept and divided at the end.
void Totals::add(const Window& window, const Scores& scores) {
  const std::int64_t count = window.tokens.size() - 1;
  tokens_ += window.tokens.size();
  scored_.push_back(count);
  whole_.push_back(scores.whole_cross_entropy.narrow(0, 0, count).sum().item<double>());
  cross_entropy_.push_back(scores.cross_entropy.narrow(1, 0, count).sum(1));
  kl_ = kl_ + scores.kl.sum(1);
  agrees_ = agrees_ + scores.agrees.to(at::kDouble).sum(1);
  const at::Tensor influence = mean_cosine_sums(window);
  influence_ = influence_.defined() ? influence_ + influence : influence;
  any_change_ = any_change_ || scores.any_change;
}

std::int64_t Totals::scored() const {
  return std::accumulate(scored_.begin(), scored_.end(), std::int64_t{0});
}

double Totals::whole_loss() const {
  const double sum = std::accumulate(whole_.begin(), whole_.end(), 0.0);
  return scored() == 0 ? kNan : sum / static_cast<double>(scored());
}

at::Tensor Totals::loss() const {
  at::Tensor sum = at::zeros_like(kl_);
  for (const at::Tensor& window : cross_entropy_) sum = sum + window;
  if (scored() == 0) return at::full_like(sum, kNan);
  return sum / static_cast<double>(scored());
}

at::Tensor Totals::mean_kl() const {
  return kl_ / static_cast<double>(tokens_);
}

at::Tensor Totals::agreement() const {
  return agrees_ / static_cast<double>(tokens_);
}

at::Tensor Totals::block_influence() const {
  return 1 - influence_ / static_cast<double>(tokens_);
}

/// Bootstrap over windows, since the losses of tokens of one window are not independent.
at::Tensor Totals::increase_interval(std::int64_t samples, std::uint64_t seed) const {
  const std::int64_t variants = kl_.size(0);
  if (windows() < 2) return at::full({variants, 2}, kNan, at::kDouble);
  std::vector<at::Tensor> increases;  // by window, summed over its tokens
  for (std::size_t w = 0; w < cross_entropy_.size(); ++w)
    increases.push_back(cross_entropy_[w] - whole_[w]);
  const at::Tensor increase = at::stack(increases);
  at::Tensor drawn = at::empty({samples, variants}, at::kDouble);
  Philox random(seed, kBootstrapStream);
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    at::Tensor weight = at::zeros({windows()}, at::kDouble);
    double tokens = 0;
    for (std::int64_t i = 0; i < windows(); ++i) {
      const auto w = random.below(static_cast<std::uint64_t>(windows()));
      weight.data_ptr<double>()[w] += 1;
      // The sample is weighted by tokens, like the loss itself.
      tokens += static_cast<double>(scored_[w]);
    }
    drawn[sample] = weight.matmul(increase) / tokens;
  }
  at::Tensor interval = at::empty({variants, 2}, at::kDouble);
  for (std::int64_t v = 0; v < variants; ++v) {
    const std::vector<double> values = statistics::values_of(drawn.select(1, v));
    interval[v][0] = statistics::quantile(values, 0.025);
    interval[v][1] = statistics::quantile(values, 0.975);
  }
  return interval;
}

}  // namespace lensbench::surgery
