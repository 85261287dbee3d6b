#include "splice.hpp"

#include <ATen/ATen.h>

#include <lensbench/readout.hpp>
#include <utility>
#include <vector>

namespace lensbench::dictionaries {
namespace {

/// Rows as the model has them, from centred ones.
at::Tensor uncentred(const at::Tensor& rows, const SiteRows& site_rows) {
  return site_rows.output_mean.defined() ? rows + site_rows.output_mean : rows;
}

}  // namespace

Splice::Splice(const Model& model, const Site& site, at::Tensor mean)
    : model_(model), site_(site), mean_(std::move(mean)) {}

void Splice::add(const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
                 const at::Tensor& skipped) {
  const at::Tensor zero = at::zeros_like(rows.output);
  const at::Tensor mean = uncentred(mean_.to(at::kFloat).expand_as(rows.output), rows);
  std::vector<at::Tensor> streams;
  streams.reserve(4);
  for (const at::Tensor& replacement : {uncentred(rebuilt.output, rows), zero, mean})
    streams.push_back(run_with(model_, site_, tokens, replacement.contiguous(), skipped));
  streams.push_back(rows.last);
  zero_changes_ = zero_changes_ || !streams[kZero].equal(rows.last);

  std::vector<std::int64_t> next(tokens.ids.begin() + 1, tokens.ids.end());
  next.push_back(tokens.ids.front());  // of no meaning, and not summed
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = false;
  options.scored_ids = at::tensor(next, at::kLong);
  const Readout out = read_out(model_.unembedding(), model_.final_norm(at::cat(streams)), options);
  const at::Tensor counted = skipped.logical_not().to(at::kDouble);
  const std::int64_t scored = tokens.size() - 1;
  const at::Tensor kl = (out.kl_to_last.to(at::kDouble) * counted).sum(1);
  const at::Tensor loss =
      -(out.scored_log_probabilities.to(at::kDouble) * counted).narrow(1, 0, scored).sum(1);
  for (std::size_t run = 0; run < 4; ++run) {
    kl_[run] += kl[static_cast<std::int64_t>(run)].item<double>();
    cross_entropy_[run] += loss[static_cast<std::int64_t>(run)].item<double>();
  }
  rows_ += counted.sum().item<std::int64_t>();
  scored_ += counted.narrow(0, 0, scored).sum().item<std::int64_t>();
}

double Splice::kl(std::size_t run) const {
  return kl_.at(run) / static_cast<double>(rows_);
}

double Splice::cross_entropy(std::size_t run) const {
  return cross_entropy_.at(run) / static_cast<double>(scored_);
}

double change_by_output_and_error(const Model& model, const Site& site, const Tokens& tokens,
                                  const SiteRows& rows, const Reconstruction& rebuilt) {
  const at::Tensor same = rebuilt.output + (rows.output - rebuilt.output);
  const at::Tensor stream = run_with(model, site, tokens, uncentred(same, rows).contiguous(),
                                     at::zeros({tokens.size()}, at::kBool));
  const double size = rows.last.abs().max().item<double>();
  return (stream - rows.last).abs().max().item<double>() / size;
}

}  // namespace lensbench::dictionaries
