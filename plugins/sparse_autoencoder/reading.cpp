#include "reading.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <lensbench/error.hpp>
#include <utility>

namespace lensbench::dictionaries {

Reading::Reading(Context& context, const Dictionary& dictionary, const Site& site,
                 const SparseAutoencoderOptions& options, MeasuredText text, const Tokens& tokens)
    : context_(context),
      dictionary_(dictionary),
      site_(site),
      options_(options),
      text_(std::move(text)),
      tokens_(tokens),
      rows_(read_site(context.model(), site, tokens, /*whole=*/true)),
      skipped_(special_rows(context.model(), tokens, options.exclude_special)),
      rebuilt_(reconstruct(dictionary, rows_, skipped_.logical_not(), options.top_features,
                           options.feature)) {}

Fidelity Reading::fidelity(FeatureExamples& examples) {
  Fidelity sums(dictionary_.settings.d_out, dictionary_.settings.features);
  for_each(false, [&](const Sequence& read) {
    const at::Tensor counted = read.skipped.logical_not();
    sums.add(read.rows, read.rebuilt, counted);
    examples.add(read.tokens, read.rebuilt.given, counted, read.document, read.first_position);
  });
  if (sums.rows() == 0)
    throw UsageError(
        "sparse_autoencoder: all tokens are special; give exclude_special=false, or other tokens");
  return sums;
}

Splice Reading::splice(const at::Tensor& mean) {
  Splice sums(context_.model(), site_, dictionary_, {mean, options_.feature, options_.error_term});
  for_each(true, [&](const Sequence& read) {
    sums.add(read.tokens, read.rows, read.rebuilt, read.skipped);
  });
  return sums;
}

double Reading::fvu_of(const at::Tensor& prediction) const {
  Fidelity sums(dictionary_.settings.d_out, dictionary_.settings.features);
  Reconstruction own = rebuilt_;
  own.output = prediction;
  sums.add(rows_, own, skipped_.logical_not());
  return sums.rows() == 0 ? 0 : sums.fvu();
}

at::Tensor Reading::mean_of_prompt() const {
  return rows_.output.index({skipped_.logical_not()}).mean(0, true).expand_as(rows_.output);
}

void Reading::for_each(bool whole, const std::function<void(const Sequence&)>& use) {
  if (text_.source.empty()) return use({tokens_, rows_, rebuilt_, skipped_, 0, 0});
  const Model& model = context_.model();
  Corpus corpus(model, text_.source, text_.options);
  std::int64_t tokens = 0;
  for (std::int64_t read = 0; text_.windows == 0 || read < text_.windows; ++read) {
    if (text_.tokens > 0 && tokens >= text_.tokens) break;
    if (context_.cancelled()) throw RunError("sparse_autoencoder: the run was interrupted");
    const auto window = corpus.next();
    if (!window) break;
    tokens += window->tokens.size();
    const SiteRows rows = read_site(model, site_, window->tokens, whole);
    const at::Tensor skipped = special_rows(model, window->tokens, options_.exclude_special);
    use({window->tokens, rows,
         reconstruct(dictionary_, rows, skipped.logical_not(), 1, options_.feature), skipped,
         window->document, window->first_position});
    // A training has shown its own.
    if (text_.tokens == 0) context_.progress(read + 1, text_.windows);
  }
}

}  // namespace lensbench::dictionaries
