#include "scores.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <limits>
#include <map>
#include <utility>

namespace lensbench::composition {
namespace {

/// Receivers are kept up to this size, and computed again for each sender beyond it.
constexpr std::int64_t kKeptBytes = std::int64_t{512} << 20;

/// The upper triangular factor of a QR decomposition, which has the norm and the row space.
at::Tensor triangular(const at::Tensor& matrices) {
  return std::get<1>(at::linalg_qr(matrices, "r"));
}

/// Frobenius norm of each matrix of a batch.
at::Tensor norms(const at::Tensor& matrices) {
  return matrices.pow(2).sum({-2, -1}).sqrt();
}

/// One matrix for each query head: heads that share keys or values repeat them.
at::Tensor by_head(const BlockHeads& heads, at::Tensor (BlockHeads::*of)(std::int64_t) const) {
  std::vector<at::Tensor> all;
  for (std::int64_t head = 0; head < heads.n_heads(); ++head) all.push_back((heads.*of)(head));
  return at::stack(all);
}

/// The receivers of all blocks, kept while there is room.
class KeptReceivers {
 public:
  KeptReceivers(const HeadWeights& weights, const std::vector<Mode>& modes)
      : weights_(weights), modes_(modes) {}

  /// One for each mode.
  const std::vector<Receivers>& of(std::int64_t block) {
    const auto found = kept_.find(block);
    if (found != kept_.end()) return found->second;
    const BlockHeads heads = weights_.block(block);
    std::vector<Receivers> made;
    for (const Mode mode : modes_) made.push_back(receivers_of(heads, mode));
    std::int64_t bytes = 0;
    for (const Receivers& one : made) bytes += static_cast<std::int64_t>(one.core.nbytes());
    // Beyond the limit the last one is kept, which serves all modes of one pair of blocks.
    if (bytes_ + bytes > kKeptBytes) return last_ = std::move(made);
    bytes_ += bytes;
    return kept_[block] = std::move(made);
  }

 private:
  const HeadWeights& weights_;
  const std::vector<Mode>& modes_;
  std::map<std::int64_t, std::vector<Receivers>> kept_;
  std::vector<Receivers> last_;
  std::int64_t bytes_ = 0;
};

at::Tensor normal(at::IntArrayRef shape, Philox& random) {
  at::Tensor values = at::empty(shape, at::kDouble);
  double* data = values.data_ptr<double>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = random.normal();
  return values;
}

/// A head of which only the matrices of OV, or only those of QK, are drawn; the others are 0.
BlockHeads random_head(const TransformerSpec& spec, bool ov, Philox& random) {
  const std::int64_t d = spec.d_model, d_head = spec.attention.d_head;
  const std::vector<std::int64_t> in = {1, d, d_head}, out = {1, d_head, d};
  const at::Tensor nothing = at::zeros(in, at::kDouble);
  if (ov) return {nothing, nothing, normal(in, random), normal(out, random)};
  return {normal(in, random), normal(in, random), nothing, nothing.transpose(1, 2)};
}

}  // namespace

const char* to_string(Mode mode) {
  switch (mode) {
    case Mode::query:
      return "q";
    case Mode::key:
      return "k";
    case Mode::value:
      return "v";
  }
  return "";
}

std::vector<Mode> parse_modes(const std::vector<std::string>& names) {
  std::vector<Mode> modes;
  for (const std::string& name : names) {
    const Mode* found = nullptr;
    static constexpr Mode kModes[] = {Mode::query, Mode::key, Mode::value};
    for (const Mode& mode : kModes)
      if (name == to_string(mode)) found = &mode;
    if (found == nullptr)
      throw UsageError("composition: mode '" + name + "' is unknown; known are q, k, v");
    if (std::find(modes.begin(), modes.end(), *found) != modes.end())
      throw UsageError("composition: mode '" + name + "' is named twice; name it once");
    modes.push_back(*found);
  }
  return modes;
}

/// |Q X| = |X| for orthonormal Q, so only the triangular factor is kept: [d_head, d_model].
Senders senders_of(const BlockHeads& heads) {
  const at::Tensor core =
      at::matmul(triangular(by_head(heads, &BlockHeads::value_of)), heads.output);
  return {core, norms(core)};
}

/// X = left rightᵀ; with right = Q R only Rᵀ matters for norms.
Receivers receivers_of(const BlockHeads& heads, Mode mode) {
  const auto make = [](const at::Tensor& left, const at::Tensor& right) {
    const at::Tensor core = at::matmul(left, triangular(right).transpose(-2, -1));
    return Receivers{core, norms(core)};
  };
  switch (mode) {
    case Mode::query:
      return make(heads.query, by_head(heads, &BlockHeads::key_of));
    case Mode::key:
      return make(by_head(heads, &BlockHeads::key_of), heads.query);
    case Mode::value:
      return make(by_head(heads, &BlockHeads::value_of), heads.output.transpose(-2, -1));
  }
  return {};
}

at::Tensor scores(const Senders& senders, const Receivers& receivers) {
  const std::int64_t n_senders = senders.core.size(0), n_receivers = receivers.core.size(0);
  // All pairs of heads in one product, [sender * inner, receiver * inner].
  const at::Tensor left = senders.core.flatten(0, 1);  // [sender * inner, d_model]
  const at::Tensor right = receivers.core.transpose(0, 1).reshape({receivers.core.size(1), -1});
  const at::Tensor product =
      at::matmul(left, right)
          .view({n_senders, senders.core.size(1), n_receivers, receivers.core.size(2)});
  const at::Tensor size = senders.norm.unsqueeze(1) * receivers.norm.unsqueeze(0);
  const at::Tensor undefined = at::full_like(size, std::numeric_limits<double>::quiet_NaN());
  return at::where(size > 0, product.pow(2).sum({1, 3}).sqrt() / size, undefined);
}

at::Tensor all_scores(const HeadWeights& weights, const std::vector<Mode>& modes,
                      const std::function<void(std::int64_t, std::int64_t)>& step) {
  const TransformerSpec& spec = weights.model().spec();
  const std::int64_t n = spec.n_layers, n_heads = spec.attention.n_heads;
  // NaN where the receiver is not in a later block.
  at::Tensor all = at::full({std::ssize(modes), n, n_heads, n, n_heads},
                            std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  KeptReceivers receivers(weights, modes);
  std::int64_t done = 0;
  for (std::int64_t sender = 0; sender + 1 < n; ++sender) {
    const Senders from = senders_of(weights.block(sender));
    for (std::int64_t receiver = sender + 1; receiver < n; ++receiver) {
      const std::vector<Receivers>& to = receivers.of(receiver);
      for (std::size_t mode = 0; mode < modes.size(); ++mode)
        all[static_cast<std::int64_t>(mode)][sender]
            .select(1, receiver)
            .copy_(scores(from, to[mode]));
      step(++done, n * (n - 1) / 2);
    }
  }
  return all;
}

/// The expected score of chance: the shape of the matrices alone gives a score above 0.
Baseline random_scores(const TransformerSpec& spec, Mode mode, std::int64_t draws,
                       std::uint64_t seed, std::uint64_t first_stream) {
  double sum = 0.0;
  std::vector<double> values;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    // A stream for each draw, so that the first draws do not depend on their number.
    Philox random(seed, first_stream + static_cast<std::uint64_t>(draw));
    const Senders sender = senders_of(random_head(spec, true, random));
    const Receivers receiver = receivers_of(random_head(spec, mode == Mode::value, random), mode);
    values.push_back(scores(sender, receiver).item<double>());
    sum += values.back();
  }
  const double mean = sum / static_cast<double>(draws);
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / static_cast<double>(draws - 1))};
}

}  // namespace lensbench::composition
