#include "splice.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

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

Splice::Splice(const Model& model, const Site& site, const Dictionary& dictionary,
               SpliceSettings settings)
    : model_(model),
      site_(site),
      dictionary_(dictionary),
      settings_(std::move(settings)),
      kl_(kFeatures + settings_.features.size() + 1),
      cross_entropy_(kl_.size()) {}

std::vector<at::Tensor> Splice::replacements(const SiteRows& rows,
                                             const Reconstruction& rebuilt) const {
  std::vector<at::Tensor> found{
      uncentred(rebuilt.output, rows), at::zeros_like(rows.output),
      uncentred(settings_.mean.to(at::kFloat).expand_as(rows.output), rows)};
  found.reserve(kl_.size());
  const at::Tensor& from = settings_.keeps_error ? rows.output : rebuilt.output;
  const NormalisedRows normal = normalised(dictionary_, rows.input);
  for (std::size_t f = 0; f < settings_.features.size(); ++f) {
    const at::Tensor part =
        feature_part(dictionary_, normal, rebuilt.given.select(1, static_cast<std::int64_t>(f)),
                     settings_.features[f]);
    found.push_back(uncentred(from - part, rows));
  }
  return found;
}

void Splice::add(const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
                 const at::Tensor& skipped) {
  std::vector<at::Tensor> streams;
  streams.reserve(kl_.size());
  for (const at::Tensor& replacement : replacements(rows, rebuilt))
    streams.push_back(run_with(model_, site_, tokens, replacement.contiguous(), skipped));
  streams.push_back(rows.last);
  zero_changes_ = zero_changes_ || !streams[kZero].equal(rows.last);

  std::vector<std::int64_t> next(tokens.ids.begin() + 1, tokens.ids.end());
  next.push_back(tokens.ids.front());  // without a meaning, and not summed
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
  for (std::size_t run = 0; run < kl_.size(); ++run) {
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
