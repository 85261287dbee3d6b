#include "training.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/endless_windows.hpp"
#include "common/half_minutes.hpp"
#include "common/kept_request.hpp"
#include "optimiser.hpp"

// The loop over steps: which rows, and what survives an interruption.

namespace lensbench::dictionaries {
namespace {

constexpr const char* kState = "dictionary";
constexpr std::int64_t kDeadAfter = 50;  ///< steps without the feature until it is revived
/// Rows this many times as long as the median row are left out: a model has a few of enormous
/// length, such as that of the first token, which would be all that is learned.
constexpr double kLongestRow = 10;

/// Rows of the text with the median length √d, less those that are left out.
class RowSource {
 public:
  RowSource(Context& context, const Site& site, const SparseAutoencoderTraining& training,
            const SparseAutoencoderOptions& options)
      : windows(Corpus(context.model(), training.text,
                       corpus_options(context.model(), training, options.window, context.seed(),
                                      CorpusPart::train)),
                training.text.starts_with("generated:")),
        context_(context),
        site_(site),
        exclude_special_(options.exclude_special),
        tokens_per_step_(training.tokens_per_step) {}

  /// Rows [row, d] of the next windows; undefined, with everything as before, if the run is
  /// cancelled.
  at::Tensor next() {
    const std::int64_t of_epoch = windows.of_epoch, epochs = windows.epochs, read = windows.read;
    std::vector<Tokens> step;
    std::int64_t tokens = 0;
    while (tokens < tokens_per_step_) {
      if (context_.cancelled()) {
        windows.of_epoch = of_epoch;
        windows.epochs = epochs;
        windows.read = read;
        return {};
      }
      auto window = windows.next();
      if (!window)
        throw UsageError(
            "sparse_autoencoder: the text lacks a document of two tokens outside of those held "
            "out; give a longer text");
      tokens += window->size();
      step.push_back(*std::move(window));
    }
    std::vector<at::Tensor> special;
    special.reserve(step.size());
    for (const Tokens& window : step)
      special.push_back(special_rows(context_.model(), window, exclude_special_));
    const at::Tensor all = read_inputs(context_.model(), site_, step);
    const at::Tensor rows = all.index({at::cat(special).logical_not()});
    if (rows.size(0) == 0)
      throw UsageError(
          "sparse_autoencoder: all tokens of a step are special; give exclude_special=false, or "
          "another text");
    return rows;
  }

  /// What is known after the rows of the first step.
  void measure(const at::Tensor& rows) {
    origin = std::get<0>(rows.median(0));
    const double length = (rows - origin).norm(2, {1}).median().item<double>();
    if (!(length > 0))
      throw UsageError("sparse_autoencoder: most rows of '" + site_.input +
                       "' are equal, so that there is nothing to learn; give another hook or text");
    scale = std::sqrt(static_cast<double>(rows.size(1))) / length;
  }

  /// Rows times the scale, without the longest.
  at::Tensor scaled(const at::Tensor& rows) {
    const double longest = kLongestRow * std::sqrt(static_cast<double>(rows.size(1))) / scale;
    const at::Tensor kept = (rows - origin).norm(2, {1}) <= longest;
    left_out += rows.size(0) - kept.sum().item<std::int64_t>();
    return rows.index({kept}) * scale;
  }

  EndlessWindows windows;
  at::Tensor origin;  ///< [d] median of each coordinate
  double scale = 1;
  std::int64_t left_out = 0;

 private:
  Context& context_;
  const Site& site_;
  bool exclude_special_;
  std::int64_t tokens_per_step_;
};

/// Random decoder rows of length 1, the encoder as their transpose.
Weights first_weights(std::int64_t features, std::int64_t width, std::uint64_t seed) {
  Weights weights = Weights::zero(features, width);
  Philox draw(seed, kDecoderStream);
  auto* value = weights.decoder.data_ptr<float>();
  for (std::int64_t i = 0; i < features * width; ++i) value[i] = static_cast<float>(draw.normal());
  weights.decoder.div_(weights.decoder.norm(2, {1}, /*keepdim=*/true));
  weights.encoder.copy_(weights.decoder);
  return weights;
}

/// A training that can be kept and taken up again.
class Run {
 public:
  Run(Context& context, const Site& site, const SparseAutoencoderTraining& training,
      const SparseAutoencoderOptions& options)
      : context_(context),
        site_(site),
        training_(training),
        source_(context, site, training, options) {
    request_.mix_all(training_key(context, site, training, options));
    mse_.reserve(static_cast<std::size_t>(training.steps));
    const auto state = context.committed(kState);
    if (state && is_of_request(*state, request_)) take_up(*state);
  }

  Trained finish() {
    HalfMinutes half_minutes;
    while (done() < training_.steps) {
      if (!take_step()) {
        keep();
        throw RunError("sparse_autoencoder: the run was interrupted; it goes on with --resume");
      }
      context_.progress(done(), training_.steps);
      if (!half_minutes.passed() && done() < training_.steps) continue;
      keep();
    }
    return {dictionary(),
            at::tensor(mse_, at::kDouble),
            source_.windows.read,
            source_.windows.epochs,
            rows_,
            source_.left_out,
            source_.scale};
  }

 private:
  std::int64_t done() const { return std::ssize(mse_); }

  /// \return false, with everything as before, if the run is cancelled
  bool take_step() {
    const at::Tensor found = source_.next();
    if (!found.defined()) return false;
    if (done() == 0) begin(found);
    const at::Tensor rows = source_.scaled(found);
    if (rows.size(0) == 0)
      throw RunError("sparse_autoencoder: all rows of step " + std::to_string(done()) +
                     " are more than ten times as long as those of the first; give another text");
    const at::Tensor dead = last_active_.lt(done() - kDeadAfter).nonzero().flatten();
    LossGradient step = loss_gradient(weights_, rows, {training_.k, training_.auxiliary, dead});
    const double mse =
        step.squared_error / static_cast<double>(rows.size(0)) / (source_.scale * source_.scale);
    adam_.step(weights_, step.gradient, rate_of(training_, done()), done());
    if (!std::isfinite(mse) || !std::isfinite(weights_.encoder.sum().item<double>()))
      throw RunError("sparse_autoencoder: the error of step " + std::to_string(done()) +
                     " is not finite; give a smaller learning_rate");
    last_active_.masked_fill_(step.active, done());
    rows_ += rows.size(0);
    mse_.push_back(mse);
    return true;
  }

  void begin(const at::Tensor& rows) {
    source_.measure(rows);
    weights_ = first_weights(training_.latents, rows.size(1), context_.seed());
    weights_.decoder_bias.copy_(source_.origin * source_.scale);
    adam_ = Adam::zero(training_.latents, rows.size(1));
    last_active_ = at::zeros({training_.latents}, at::kLong);
  }

  /// The weights for rows as they are. Features are divided by the scale, so that decoder rows
  /// still have length 1.
  Dictionary dictionary() const {
    Dictionary found;
    DictionarySettings& settings = found.settings;
    settings.architecture = "topk";
    settings.activation = Activation::topk;
    settings.d_in = settings.d_out = weights_.encoder.size(1);
    settings.features = training_.latents;
    settings.k = training_.k;
    settings.hook = site_.input;
    settings.centred_model = site_.centred;
    found.encoder = weights_.encoder.t().contiguous();
    found.encoder_bias = weights_.encoder_bias / source_.scale;
    found.decoder = weights_.decoder;
    found.decoder_bias = weights_.decoder_bias / source_.scale;
    found.decoder_norm = found.decoder.norm(2, {1});
    return found;
  }

  void keep() {
    if (done() == 0) return;
    Dataset state;
    const auto add = [&](const std::string& name, const Weights& weights) {
      state.add(name + "_encoder", {"feature", "d_model"}, weights.encoder, "1", name);
      state.add(name + "_encoder_bias", {"feature"}, weights.encoder_bias, "1", name);
      state.add(name + "_decoder", {"feature", "d_model"}, weights.decoder, "1", name);
      state.add(name + "_decoder_bias", {"d_model"}, weights.decoder_bias, "1", name);
    };
    add("weights", weights_);
    add("mean", adam_.mean);
    add("square", adam_.square);
    state.add("last_active", {"feature"}, last_active_, "1", "last step that used the feature");
    state.add("origin", {"d_model"}, source_.origin, "1", "median of each coordinate");
    state.add("scale", {}, at::scalar_tensor(source_.scale, at::kDouble), "1", "factor on rows");
    state.add("mse", {"step"}, at::tensor(mse_, at::kDouble), "1", "error of each step");
    state.add("counts", {"count"},
              at::tensor(std::vector<std::int64_t>{source_.windows.of_epoch, source_.windows.epochs,
                                                   source_.windows.read, rows_, source_.left_out}),
              "1", "windows of this epoch, epochs, all windows, rows, rows left out");
    add_request(state, request_);
    context_.commit(kState, state);
  }

  void take_up(const Dataset& state) {
    const auto copy = [&](const std::string& name) {
      const auto part = [&](const char* of) { return state[name + of].tensor.clone(); };
      return Weights{part("_encoder"), part("_encoder_bias"), part("_decoder"),
                     part("_decoder_bias")};
    };
    weights_ = copy("weights");
    adam_ = {copy("mean"), copy("square")};
    last_active_ = state["last_active"].tensor.clone();
    source_.origin = state["origin"].tensor.clone();
    source_.scale = state["scale"].tensor.item<double>();
    const at::Tensor& mse = state["mse"].tensor;
    mse_.assign(mse.data_ptr<double>(), mse.data_ptr<double>() + mse.numel());
    const auto* counts = state["counts"].tensor.data_ptr<std::int64_t>();
    source_.windows.skip(counts[0], counts[1], counts[2]);
    rows_ = counts[3];
    source_.left_out = counts[4];
  }

  Context& context_;
  const Site& site_;
  SparseAutoencoderTraining training_;
  RowSource source_;
  RequestNumber request_;
  Weights weights_;
  Adam adam_;
  at::Tensor last_active_;  ///< [feature] int64
  std::vector<double> mse_;
  std::int64_t rows_ = 0;
};

}  // namespace

CorpusOptions corpus_options(const Model& model, const SparseAutoencoderTraining& training,
                             std::int64_t window, std::uint64_t seed, CorpusPart part) {
  CorpusOptions options;
  options.length = std::min(window, position_limit(model.spec()));
  options.min_length = 2;
  options.shuffle = true;
  options.part = part;
  options.held_out_share = training.held_out;
  options.seed = seed;
  return options;
}

std::string training_key(const Context& context, const Site& site,
                         const SparseAutoencoderTraining& training,
                         const SparseAutoencoderOptions& options) {
  namespace fs = std::filesystem;
  std::ostringstream key;
  key.precision(std::numeric_limits<double>::max_digits10);
  for (const std::int64_t count :
       {training.latents, training.k, training.steps, training.tokens_per_step, options.window,
        std::int64_t(options.exclude_special), std::int64_t(site.centred)})
    key << count << ' ';
  key << training.learning_rate << ' ' << training.auxiliary << ' ' << training.held_out << ' '
      << context.seed() << ' ' << site.input << ' ' << site.output << ' '
      << fs::path(training.text).filename().string();
  // The content of a file may change.
  if (fs::exists(training.text)) key << ' ' << context.file_digest(training.text);
  return key.str();
}

Trained train_dictionary(Context& context, const Site& site,
                         const SparseAutoencoderTraining& training,
                         const SparseAutoencoderOptions& options) {
  return Run(context, site, training, options).finish();
}

}  // namespace lensbench::dictionaries
