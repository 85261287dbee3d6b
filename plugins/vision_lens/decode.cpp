#include "decode.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/profile.hpp>
#include <lensbench/readout.hpp>

namespace lensbench::vision_lens {
namespace {

/// Elements of normalised rows that are held at a time, 32 MiB.
constexpr std::int64_t kElements = std::int64_t{1} << 23;

Readout read(const Model& model, const at::Tensor& rows, const ReadoutOptions& options) {
  ProfileScope scope(profile_of(model), -1, "readout");
  if (scope.active()) scope.reads(static_cast<std::int64_t>(model.unembedding().weight.nbytes()));
  return read_out(model.unembedding(), rows, options);
}

/// Rows of all layers one after the other, [1, layer * row, width], after the final norm: each row
/// has a target of its own.
at::Tensor normalized(const Model& model, const std::vector<at::Tensor>& streams,
                      std::int64_t first, std::int64_t count) {
  std::vector<at::Tensor> rows;
  rows.reserve(streams.size());
  for (const at::Tensor& stream : streams)
    rows.push_back(model.final_norm(stream.narrow(0, first, count)).to(at::kFloat));
  return at::cat(rows).unsqueeze(0);
}

/// Logits of the tokens of a set, [row, token] float64.
at::Tensor logits_of(const Unembedding& unembedding, const at::Tensor& rows, const TokenSet& set) {
  std::vector<std::int64_t> chosen;
  chosen.reserve(set.tokens.size());
  for (const ConceptToken& token : set.tokens) chosen.push_back(token.id);
  const at::Tensor ids = at::tensor(chosen, at::kLong).to(unembedding.weight.device());
  const at::Device cpu(at::kCPU);
  const at::Tensor weights = unembedding.weight.index_select(0, ids).to(cpu, at::kDouble);
  at::Tensor logits = rows[0].to(cpu, at::kDouble).matmul(weights.t());
  if (unembedding.bias.defined())
    logits = logits + unembedding.bias.index_select(0, ids).to(cpu, at::kDouble);
  logits = logits * unembedding.logit_scale;
  const double cap = unembedding.logit_softcap;
  return cap > 0 ? (logits / cap).tanh() * cap : logits;
}

/// Token of a set with the largest logit for each row; the smaller id if two are equal.
at::Tensor best_of(const at::Tensor& logits, const TokenSet& set) {
  std::vector<std::int64_t> ids;
  ids.reserve(set.tokens.size());
  for (const ConceptToken& token : set.tokens) ids.push_back(token.id);
  return at::tensor(ids, at::kLong).index_select(0, logits.argmax(1));
}

/// What some rows decode to, without the axis of layers. All concepts are targets of one readout.
Decoded decode_rows(const Model& model, const at::Tensor& rows, const std::vector<TokenSet>& sets,
                    std::int64_t top_k) {
  ReadoutOptions options;
  options.top_k = top_k;
  options.kl_to_last = false;
  std::vector<at::Tensor> sums, best;
  for (const TokenSet& set : sets) {
    const at::Tensor logits = logits_of(model.unembedding(), rows, set);
    sums.push_back(logits.logsumexp(1));
    best.push_back(best_of(logits, set));
  }
  if (!sets.empty()) options.target_ids = at::stack(best);
  const Readout readout = read(model, rows, options);
  Decoded decoded;
  decoded.top_ids = readout.top_ids[0];
  decoded.top_probabilities = readout.top_probabilities[0];
  decoded.entropy = readout.entropy[0];
  const std::int64_t count = rows.size(1);
  decoded.concept_log_probability = sets.empty()
                                        ? at::empty({count, 0}, at::kDouble)
                                        : at::stack(sums, 1) - readout.log_sum_exp[0].unsqueeze(1);
  decoded.concept_rank = sets.empty() ? at::empty({count, 0}, at::kInt)
                                      : readout.target_ranks.select(1, 0).t().contiguous();
  return decoded;
}

std::vector<at::Tensor Decoded::*> members() {
  return {&Decoded::top_ids, &Decoded::top_probabilities, &Decoded::entropy,
          &Decoded::concept_log_probability, &Decoded::concept_rank};
}

/// Calls `with(first, count)` for blocks of rows whose normalised copies are bounded.
template <class With>
void for_blocks(const std::vector<at::Tensor>& streams, const With& with) {
  const std::int64_t rows = streams.front().size(0);
  const std::int64_t row = std::ssize(streams) * streams.front().size(1);
  const std::int64_t count = std::max<std::int64_t>(1, kElements / row);
  for (std::int64_t first = 0; first < rows; first += count)
    with(first, std::min(count, rows - first));
}

}  // namespace

Decoded decode(const Model& model, const std::vector<at::Tensor>& streams,
               const std::vector<TokenSet>& sets, std::int64_t top_k) {
  std::vector<Decoded> parts;
  for_blocks(streams, [&](std::int64_t first, std::int64_t count) {
    Decoded part = decode_rows(model, normalized(model, streams, first, count), sets, top_k);
    for (at::Tensor Decoded::*member : members()) {
      at::Tensor& values = part.*member;
      std::vector<std::int64_t> shape = values.sizes().vec();
      shape.front() = count;
      shape.insert(shape.begin(), std::ssize(streams));
      values = values.reshape(shape);
    }
    parts.push_back(std::move(part));
  });
  Decoded whole;
  for (at::Tensor Decoded::*member : members()) {
    std::vector<at::Tensor> values;
    values.reserve(parts.size());
    for (const Decoded& part : parts) values.push_back(part.*member);
    whole.*member = at::cat(values, 1);
  }
  return whole;
}

at::Tensor token_log_probabilities(const Model& model, const std::vector<at::Tensor>& streams,
                                   const at::Tensor& ids) {
  std::vector<at::Tensor> parts;
  for_blocks(streams, [&](std::int64_t first, std::int64_t count) {
    ReadoutOptions options;
    options.top_k = 0;
    options.entropy = options.kl_to_last = false;
    options.target_ids = ids.narrow(0, first, count).repeat({std::ssize(streams)});
    const Readout readout = read(model, normalized(model, streams, first, count), options);
    parts.push_back(
        readout.target_log_probabilities[0].to(at::kDouble).view({std::ssize(streams), count}));
  });
  return at::cat(parts, 1);
}

at::Tensor divergence_to_last(const Model& model, const std::vector<at::Tensor>& streams) {
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = false;
  const at::Tensor rows = normalized(model, streams, 0, 1);
  return read(model, rows.view({std::ssize(streams), 1, -1}), options).kl_to_last.select(1, 0);
}

}  // namespace lensbench::vision_lens
