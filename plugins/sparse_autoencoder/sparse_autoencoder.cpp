#include "sparse_autoencoder.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "options.hpp"
#include "result.hpp"

namespace lensbench::dictionaries {
namespace {

/// What is read of the prompt and, where one is given, of a text.
class Reading {
 public:
  Reading(Context& context, const StoredDictionary& stored, const Site& site,
          const SparseAutoencoderOptions& options, const Tokens& tokens)
      : context_(context),
        dictionary_(stored.dictionary),
        site_(site),
        options_(options),
        tokens_(tokens),
        rows_(read_site(context.model(), site, tokens)),
        skipped_(special_rows(context.model(), tokens, options.exclude_special)),
        rebuilt_(reconstruct(dictionary_, rows_, skipped_.logical_not(), options.top_features)) {}

  const SiteRows& rows() const { return rows_; }
  const Reconstruction& rebuilt() const { return rebuilt_; }

  Fidelity fidelity() {
    Fidelity sums(dictionary_.settings.d_out, dictionary_.settings.features);
    for_each([&](const Tokens&, const SiteRows& rows, const Reconstruction& rebuilt,
                 const at::Tensor& skipped) { sums.add(rows, rebuilt, skipped.logical_not()); });
    if (sums.rows() == 0)
      throw UsageError(
          "sparse_autoencoder: all tokens are special; give exclude_special=false, or "
          "other tokens");
    return sums;
  }

  Splice splice(const at::Tensor& mean) {
    Splice sums(context_.model(), site_, mean);
    for_each([&](const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
                 const at::Tensor& skipped) { sums.add(tokens, rows, rebuilt, skipped); });
    return sums;
  }

  /// The unexplained variance of a prediction of the prompt's rows.
  double fvu_of(const at::Tensor& prediction) const {
    Fidelity sums(dictionary_.settings.d_out, dictionary_.settings.features);
    Reconstruction own = rebuilt_;
    own.output = prediction;
    sums.add(rows_, own, skipped_.logical_not());
    return sums.rows() == 0 ? 0 : sums.fvu();
  }
  at::Tensor mean_of_prompt() const {
    return rows_.output.index({skipped_.logical_not()}).mean(0, true).expand_as(rows_.output);
  }

 private:
  using Use =
      std::function<void(const Tokens&, const SiteRows&, const Reconstruction&, const at::Tensor&)>;
  void for_each(const Use& use) {
    if (options_.text.empty()) return use(tokens_, rows_, rebuilt_, skipped_);
    const Model& model = context_.model();
    Corpus corpus(model, options_.text,
                  {.length = std::min(options_.window, position_limit(model.spec())),
                   .min_length = 2,
                   .seed = context_.seed()});
    for (std::int64_t read = 0; options_.windows == 0 || read < options_.windows; ++read) {
      if (context_.cancelled()) throw RunError("sparse_autoencoder: the run was interrupted");
      const auto window = corpus.next();
      if (!window) break;
      const SiteRows rows = read_site(model, site_, window->tokens);
      const at::Tensor skipped = special_rows(model, window->tokens, options_.exclude_special);
      use(window->tokens, rows, reconstruct(dictionary_, rows, skipped.logical_not(), 1), skipped);
    }
  }

  Context& context_;
  const Dictionary& dictionary_;
  const Site& site_;
  const SparseAutoencoderOptions& options_;
  const Tokens& tokens_;
  SiteRows rows_;
  at::Tensor skipped_;
  Reconstruction rebuilt_;
};

void add_receipts(Dataset& dataset, const Reading& reading, double change) {
  dataset.receipts.push_back(make_receipt(
      "replacing_by_output_and_error_changes_nothing", change, 1e-5,
      "largest change of the last stream over its largest number; sums in float32 round"));
  dataset.receipts.push_back(
      make_receipt("fvu_of_the_rows_is_0",
                   reading.rows().output.size(0) < 2 ? 0 : reading.fvu_of(reading.rows().output), 0,
                   "the rows of the prompt as their own reconstruction"));
  const double mean = reading.fvu_of(reading.mean_of_prompt());
  if (mean == mean)
    dataset.receipts.push_back(make_receipt("fvu_of_the_mean_is_1", std::abs(mean - 1), 1e-5,
                                            "the mean of float32 rows is rounded"));
}

void add_provenance(Dataset& dataset, const Dictionary& dictionary, const Site& site) {
  Provenance{.definition = "sparse_autoencoder/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["architecture"] = dictionary.settings.architecture;
  dataset.attributes["input_hook"] = site.input;
  dataset.attributes["output_hook"] = site.output;
  dataset.attributes["centred"] = static_cast<std::int64_t>(site.centred);
}

}  // namespace

void SparseAutoencoderTool::check_parameters(const Parameters& parameters) const {
  const SparseAutoencoderOptions options = options_of(model(), parameters);
  check_options(model(), options);
  site_of(model(), read_dictionary(parameters.text("sae")), options);
}

Dataset SparseAutoencoderTool::run(const Request& request) {
  return read(request.tokens(), request.parameters().text("sae"), target_of(model(), request),
              options_of(model(), request.parameters()));
}

Dataset SparseAutoencoderTool::read(const Tokens& tokens, const std::string& folder,
                                    const Target& target, const SparseAutoencoderOptions& options) {
  check_options(model(), options);
  const StoredDictionary stored = read_dictionary(folder);
  const Dictionary& dictionary = stored.dictionary;
  const Site site = site_of(model(), stored, options);
  Reading reading(context(), stored, site, options, tokens);
  const Fidelity fidelity = reading.fidelity();

  Dataset dataset;
  add_tokens(dataset, tokens, reading.rows(), reading.rebuilt());
  add_fidelity(dataset, dictionary, fidelity);
  add_feature_tokens(dataset, model(), dictionary, reading.rebuilt(), options.top_tokens);
  add_receipts(
      dataset, reading,
      change_by_output_and_error(model(), site, tokens, reading.rows(), reading.rebuilt()));
  if (options.splice) {
    const Splice splice = reading.splice(fidelity.mean());
    add_splice(dataset, splice);
    dataset.receipts.push_back(make_receipt("no_write_was_without_effect",
                                            splice.zero_changes() ? 0 : 1, 0,
                                            "replacing by 0 changed the last stream"));
  }
  add_options(dataset, options);
  dataset.attributes["target"] = to_string(target);
  dataset.attributes["versus"] = options.versus ? to_string(*options.versus) : "none";
  dataset.attributes["position"] = options.position;
  if (options.attribute) {
    const MetricReader reader("sparse_autoencoder", model(), tokens, reading.rows().last[0], target,
                              {.versus = options.versus, .position = options.position});
    const Attribution parts =
        attribute(model(), site, dictionary, tokens, reading.rows(), reading.rebuilt(), reader);
    add_attribution(dataset, parts, reader.units());
    reader.describe(dataset);
    dataset.receipts.push_back(make_receipt("parts_sum_to_the_product_with_the_gradient", parts.gap,
                                            1e-5, "sums in float32 round"));
  }
  add_provenance(dataset, dictionary, site);
  context().record_file(dataset, "sae", stored.tensors);
  dataset.attributes["sae"] =
      std::filesystem::absolute(folder + "/").parent_path().filename().string();
  context().record_file(dataset, "sae_config", stored.config);
  context().record_file(dataset, "text", options.text);
  return dataset;
}

}  // namespace lensbench::dictionaries
