#include "sparse_autoencoder.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <lensbench/error.hpp>
#include <utility>

#include "options.hpp"
#include "reading.hpp"
#include "result.hpp"
#include "training.hpp"

namespace lensbench::dictionaries {
namespace {

/// A parameter of the other mode would change nothing.
void check_mode(const Parameters& parameters) {
  const bool training = parameters.text("mode") == "train";
  if (!training && parameters.text("sae").empty())
    throw UsageError(
        "sparse_autoencoder: mode=use needs sae; give a folder of SAELens or "
        "ARCHIVE.h5:results/sparse_autoencoder, or train a dictionary with mode=train, hook and "
        "text");
  if (!training) return;
  if (!parameters.text("sae").empty())
    throw UsageError("sparse_autoencoder: mode=train begins without a dictionary; leave sae out");
  if (parameters.text("hook").empty())
    throw UsageError(
        "sparse_autoencoder: mode=train needs hook, the point that is learned; give for example "
        "hook=blocks.3.hook_resid_post");
}

MeasuredText text_of(const Model& model, const SparseAutoencoderOptions& options,
                     std::uint64_t seed) {
  MeasuredText text{.source = options.text, .windows = options.windows};
  text.options.length = std::min(options.window, position_limit(model.spec()));
  text.options.min_length = 2;
  text.options.seed = seed;
  return text;
}

/// Documents held out, of at most 16 times the tokens of a step.
MeasuredText held_out_of(const Model& model, const SparseAutoencoderTraining& training,
                         const SparseAutoencoderOptions& options, std::uint64_t seed) {
  return {.source = training.text,
          .options = corpus_options(model, training, options.window, seed, CorpusPart::held_out),
          .tokens = 16 * training.tokens_per_step};
}

/// \throws UsageError if a part of the text has no documents
void check_text(const Model& model, const SparseAutoencoderTraining& training,
                const SparseAutoencoderOptions& options, std::uint64_t seed) {
  for (const CorpusPart part : {CorpusPart::train, CorpusPart::held_out}) {
    const Corpus corpus(model, training.text,
                        corpus_options(model, training, options.window, seed, part));
    if (corpus.documents() == 0)
      throw UsageError("sparse_autoencoder: held_out is " + std::to_string(training.held_out) +
                       ", which leaves 0 documents of the text to " +
                       (part == CorpusPart::train ? "train on" : "measure the dictionary on") +
                       "; give a text of more documents, or another share");
  }
}

void add_receipts(Dataset& dataset, const Reading& reading, double change) {
  dataset.receipts.push_back(make_receipt(
      "replacing_by_output_and_error_changes_nothing", change, 1e-5,
      "largest change of the last stream over its largest number; sums in float32 round"));
  const double own = reading.fvu_of(reading.rows().output);
  const double mean = reading.fvu_of(reading.mean_of_prompt());
  // NaN where rows do not differ: then there is no share to check.
  if (!std::isnan(own))
    dataset.receipts.push_back(make_receipt("fvu_of_the_rows_is_0", own, 0,
                                            "the rows of the prompt as their own reconstruction"));
  if (!std::isnan(mean))
    dataset.receipts.push_back(make_receipt("fvu_of_the_mean_is_1", std::abs(mean - 1), 1e-5,
                                            "the mean of float32 rows is rounded"));
}

void add_provenance(Dataset& dataset, const Dictionary& dictionary, const Site& site,
                    bool trained) {
  Provenance{.definition = "sparse_autoencoder/1",
             .rule = trained ? "Adam" : "none",
             .seed_stream = trained ? static_cast<std::int64_t>(kDecoderStream) : -1}
      .describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["architecture"] = dictionary.settings.architecture;
  dataset.attributes["input_hook"] = site.input;
  dataset.attributes["output_hook"] = site.output;
  dataset.attributes["centred"] = static_cast<std::int64_t>(site.centred);
}

/// What a dictionary makes of a prompt and of the text.
Dataset measure(Context& context, const Dictionary& dictionary, const Site& site,
                const Tokens& tokens, const Target& target, const SparseAutoencoderOptions& options,
                MeasuredText text) {
  const Model& model = context.model();
  check_features(options, dictionary.settings.features);
  Reading reading(context, dictionary, site, options, std::move(text), tokens);
  FeatureExamples examples(options.feature, options.examples);
  const Fidelity fidelity = reading.fidelity(examples);

  Dataset dataset;
  add_tokens(dataset, tokens, reading.rows(), reading.rebuilt());
  add_fidelity(dataset, dictionary, fidelity);
  add_feature_tokens(dataset, model, dictionary, reading.rebuilt(), options);
  examples.write(dataset);
  add_receipts(dataset, reading,
               change_by_output_and_error(model, site, tokens, reading.rows(), reading.rebuilt()));
  if (options.splice) {
    const Splice splice = reading.splice(fidelity.mean());
    add_splice(dataset, splice);
    add_given(dataset, reading.rebuilt(), options.feature, &splice);
    dataset.receipts.push_back(make_receipt("no_write_was_without_effect",
                                            splice.zero_changes() ? 0 : 1, 0,
                                            "replacing by 0 changed the last stream"));
  } else {
    add_given(dataset, reading.rebuilt(), options.feature, nullptr);
  }
  add_options(dataset, options);
  dataset.attributes["target"] = to_string(target);
  dataset.attributes["versus"] = options.versus ? to_string(*options.versus) : "none";
  dataset.attributes["position"] = options.position;
  if (options.attribute) {
    const MetricReader reader("sparse_autoencoder", model, tokens, reading.rows().last[0], target,
                              {.versus = options.versus, .position = options.position});
    const Attribution parts =
        attribute(model, site, dictionary, tokens, reading.rows(), reading.rebuilt(), reader);
    add_attribution(dataset, parts, reader.units());
    reader.describe(dataset);
    dataset.receipts.push_back(make_receipt("parts_sum_to_the_product_with_the_gradient", parts.gap,
                                            1e-5, "sums in float32 round"));
  }
  return dataset;
}

}  // namespace

void SparseAutoencoderTool::check_parameters(const Parameters& parameters) const {
  check_mode(parameters);
  const SparseAutoencoderOptions options = options_of(model(), parameters);
  check_options(model(), options);
  if (parameters.text("mode") == "train") {
    const SparseAutoencoderTraining training = training_of(parameters);
    check_training(training);
    check_features(options, training.latents);
    site_of_training(model(), options);
    check_text(model(), training, options, context().seed());
    return;
  }
  const StoredDictionary stored = read_dictionary(parameters.text("sae"));
  check_features(options, stored.dictionary.settings.features);
  site_of(model(), stored, options);
}

CostEstimate SparseAutoencoderTool::estimate(const Request& request) const {
  const Parameters& parameters = request.parameters();
  CostEstimate cost;
  if (parameters.text("mode") != "train") return cost;
  const SparseAutoencoderTraining training = training_of(parameters);
  const auto width = static_cast<double>(model().spec().d_model);
  const auto features = static_cast<double>(training.latents);
  const double rows =
      static_cast<double>(training.steps) * static_cast<double>(training.tokens_per_step);
  // The product of the encoder, and the forwards that the rows come from.
  cost.flops = rows * (2 * width * features +
                       static_cast<double>(model().spec().n_layers) * 24 * width * width);
  // Weights, gradients and two running means of both matrices, and the rows of a step.
  cost.bytes = 8 * width * features * 4 +
               4 * static_cast<double>(training.tokens_per_step) * width * 4 + 6e7;
  cost.items = training.steps;
  return cost;
}

Dataset SparseAutoencoderTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  check_mode(parameters);
  SparseAutoencoderOptions options = options_of(model(), parameters);
  const Target target = target_of(model(), request);
  if (parameters.text("mode") != "train")
    return read(request.tokens(), parameters.text("sae"), target, options);
  options.text.clear();
  return train(request.tokens(), training_of(parameters), target, options);
}

const StoredDictionary& SparseAutoencoderTool::dictionary(const std::string& sae) {
  if (stored_ && source_ == sae) return *stored_;
  stored_.reset();
  stored_ = read_dictionary(sae);
  source_ = sae;
  return *stored_;
}

Dataset SparseAutoencoderTool::read(const Tokens& tokens, const std::string& sae,
                                    const Target& target, const SparseAutoencoderOptions& options) {
  check_options(model(), options);
  const StoredDictionary& stored = dictionary(sae);
  const Site site = site_of(model(), stored, options);
  Dataset dataset = measure(context(), stored.dictionary, site, tokens, target, options,
                            text_of(model(), options, context().seed()));
  // Every case repeats what the dictionary's own file has.
  constexpr std::size_t kMostDecoderBytes = std::size_t{16} << 20;
  if (stored.dictionary.decoder.nbytes() <= kMostDecoderBytes)
    add_decoder(dataset, stored.dictionary);
  add_provenance(dataset, stored.dictionary, site, false);
  dataset.attributes["mode"] = "use";
  context().record_file(dataset, "sae", stored.tensors);
  if (!stored.from_archive) {
    context().record_file(dataset, "sae_config", stored.config);
    if (std::filesystem::is_directory(sae))
      dataset.attributes["sae"] =
          std::filesystem::absolute(sae + "/").parent_path().filename().string();
  }
  context().record_file(dataset, "text", options.text);
  return dataset;
}

const Trained& SparseAutoencoderTool::trained(const Site& site,
                                              const SparseAutoencoderTraining& training,
                                              const SparseAutoencoderOptions& options) {
  const std::string key = training_key(context(), site, training, options);
  if (trained_ && trained_on_ == key) return *trained_;
  trained_.reset();
  trained_ = train_dictionary(context(), site, training, options);
  trained_on_ = key;
  return *trained_;
}

Dataset SparseAutoencoderTool::train(const Tokens& tokens,
                                     const SparseAutoencoderTraining& training,
                                     const Target& target,
                                     const SparseAutoencoderOptions& options) {
  check_options(model(), options);
  check_training(training);
  check_features(options, training.latents);
  if (context().reference_prompts().size() > 1)
    throw UsageError(
        "sparse_autoencoder: mode=train keeps the whole dictionary with each prompt (found " +
        std::to_string(context().reference_prompts().size()) +
        " prompts); give one, and read the others with mode=use and the archive as sae");
  const Site site = site_of_training(model(), options);
  check_text(model(), training, options, context().seed());
  read_site(model(), site, tokens,
            /*whole=*/true);  // a wrong prompt is noticed before the training
  const Trained& trained = this->trained(site, training, options);
  Dataset dataset = measure(context(), trained.dictionary, site, tokens, target, options,
                            held_out_of(model(), training, options, context().seed()));
  add_training(dataset, trained, dataset["fvu"].tensor.item<double>());
  const double longest = (trained.dictionary.decoder_norm - 1).abs().max().item<double>();
  dataset.receipts.push_back(make_receipt("decoder_rows_have_length_1", longest, 1e-5,
                                          "lengths of float32 rows are rounded"));
  add_provenance(dataset, trained.dictionary, site, true);
  add_training_options(dataset, training);
  dataset.attributes["mode"] = "train";
  dataset.attributes["sae"] = "trained here";
  dataset.attributes["seed"] = static_cast<std::int64_t>(context().seed());
  context().record_file(dataset, "text", training.text);
  context().record_model(dataset, "base", model());
  return dataset;
}

}  // namespace lensbench::dictionaries
