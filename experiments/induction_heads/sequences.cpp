#include "sequences.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <lensbench/readout.hpp>
#include <limits>

namespace induction_heads {
namespace {

using namespace lensbench;
using common::RepeatedForm;

/// 1 at the keys of a detector. [query, key] float64
at::Tensor mask_of(std::size_t detector, const RepeatedForm& form, std::int64_t size) {
  at::Tensor mask = at::zeros({size, size}, at::kDouble);
  double* cell = mask.data_ptr<double>();
  const std::int64_t first = form.start ? 1 : 0;
  for (std::int64_t query = first + form.length; query < size; ++query) {
    if (detector == 0) {
      cell[query * size + query - 1] = 1;
      continue;
    }
    const std::int64_t after = detector == 2 ? 1 : 0;
    for (std::int64_t key = query - form.length; key >= first; key -= form.length)
      cell[query * size + key + after] = 1;
  }
  return mask;
}

}  // namespace

Sequence draw_sequence(const Model& model, const RepeatedForm& form, std::uint64_t seed,
                       std::uint64_t stream) {
  Philox random(seed, stream);
  const auto once = common::random_tokens(model, form, random);
  Sequence sequence{common::repeated(once, form), {}};
  sequence.control = sequence.ids;
  auto copy = sequence.control.end() - (form.repeats - 1) * form.length;
  for (; copy != sequence.control.end(); copy += form.length) {
    const auto shuffled = common::drawn_without_replacement(once, form.length, random);
    std::copy(shuffled.begin(), shuffled.end(), copy);
  }
  return sequence;
}

at::Tensor scores_of(const at::Tensor& pattern, const RepeatedForm& form) {
  const at::Tensor wide = pattern.to(at::kDouble);
  const std::int64_t size = wide.size(3);
  const auto queries = static_cast<double>((form.repeats - 1) * form.length);
  std::vector<at::Tensor> scores;
  scores.reserve(kDetectors.size());
  for (std::size_t detector = 0; detector < kDetectors.size(); ++detector)
    scores.push_back((wide * mask_of(detector, form, size)).sum({2, 3}) / queries);
  return at::stack(scores);
}

at::Tensor losses_of(const Model& model, const at::Tensor& residual,
                     const std::vector<std::vector<std::int64_t>>& ids) {
  std::vector<at::Tensor> all;
  const at::Tensor none = at::full({1}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  for (std::size_t s = 0; s < ids.size(); ++s) {
    const at::Tensor tokens = at::tensor(ids[s], at::kLong);
    const at::Tensor rows = residual[static_cast<std::int64_t>(s)].narrow(0, 0, tokens.size(0) - 1);
    ReadoutOptions options{.top_k = 0, .entropy = false, .kl_to_last = false};
    options.scored_ids = tokens.slice(0, 1);
    const Readout readout =
        read_out(model.unembedding(), model.final_norm(rows).unsqueeze(0), options);
    all.push_back(at::cat({none, -readout.scored_log_probabilities[0].to(at::kDouble)}));
  }
  return at::stack(all);
}

at::Tensor repeat_gain(const at::Tensor& losses, const RepeatedForm& form) {
  const std::int64_t first = form.start ? 1 : 0;
  std::vector<at::Tensor> copies;
  copies.reserve(static_cast<std::size_t>(form.repeats));
  for (std::int64_t copy = 0; copy < form.repeats; ++copy)
    copies.push_back(
        losses.slice(1, first + copy * form.length + 1, first + (copy + 1) * form.length));
  const at::Tensor later = at::cat(std::vector<at::Tensor>(copies.begin() + 1, copies.end()), 1);
  return copies.front().mean(1) - later.mean(1);
}

TokenBatch batch_of(const std::vector<std::vector<std::int64_t>>& ids) {
  std::vector<at::Tensor> rows;
  rows.reserve(ids.size());
  for (const auto& one : ids) rows.push_back(at::tensor(one, at::kLong));
  return {.ids = at::stack(rows), .mask = {}};
}

}  // namespace induction_heads
