#include "common/noise.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>

namespace lensbench::tracing {
namespace {

/// Tokens embedded at a time: the vocabulary is long.
constexpr std::int64_t kIdsPerForward = 1024;

/// `hook_embed` of ids, each alone, [id, d_embedding].
/// Each id is a sequence of its own, so positions and neighbours do not matter.
at::Tensor embeddings(const Model& model, const at::Tensor& ids) {
  at::Tensor rows;
  Hooks hooks;
  hooks.read("hook_embed", [&](const at::Tensor& x, const HookPoint&) { rows = x.select(1, 0); });
  ForwardOptions options;
  // Only the embedding runs.
  options.stop_at_layer = 0;
  model.forward({ids.unsqueeze(1), {}}, options, hooks);
  return rows;
}

/// Sums of entries and squares, in float64.
/// The vocabulary is read in tiles, so the deviation comes from sums; float64 keeps the difference
/// of the two large sums exact enough.
struct Moments {
  double count = 0, sum = 0, squares = 0;

  void add(const at::Tensor& rows) {
    const at::Tensor values = rows.to(at::kDouble);
    count += static_cast<double>(values.numel());
    sum += values.sum().item<double>();
    squares += values.square().sum().item<double>();
  }
  double deviation() const {
    return std::sqrt(std::max(0.0, squares - sum * sum / count) / std::max(1.0, count - 1.0));
  }
};

/// Numbers are drawn in float64 and in order, so that they do not depend on the model's type.
at::Tensor normal_rows(Philox& random, std::int64_t rows, std::int64_t width, double nu) {
  at::Tensor noise = at::empty({rows, width}, at::kDouble);
  double* value = noise.data_ptr<double>();
  for (std::int64_t i = 0; i < rows * width; ++i) value[i] = nu * random.normal();
  return noise;
}

}  // namespace

double embedding_deviation(const Model& model, const Tokens& tokens,
                           const std::vector<std::int64_t>& subject, const std::string& from) {
  Moments moments;
  if (from == "vocabulary") {
    const std::int64_t size = model.spec().vocab_size;
    for (std::int64_t begin = 0; begin < size; begin += kIdsPerForward)
      moments.add(
          embeddings(model, at::arange(begin, std::min(begin + kIdsPerForward, size), at::kLong)));
    return moments.deviation();
  }
  std::vector<std::int64_t> ids = tokens.ids;
  if (from == "subject") {
    ids.clear();
    for (const std::int64_t position : subject)
      ids.push_back(tokens.ids[static_cast<std::size_t>(position)]);
  }
  moments.add(embeddings(model, at::tensor(ids, at::kLong)));
  return moments.deviation();
}

/// The noise is added in float64 and rounded once to the type of the activation.
Hooks adding(const std::vector<std::int64_t>& positions, const at::Tensor& rows) {
  Hooks hooks;
  hooks.replace("hook_embed", [positions, rows](const at::Tensor& x, const HookPoint&) {
    at::Tensor changed = x.clone();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      at::Tensor row = changed.select(1, positions[i]);
      row.copy_(row.to(at::kDouble) + rows[static_cast<std::int64_t>(i)]);
    }
    return changed;
  });
  return hooks;
}

std::vector<Hooks> noise_on(const std::vector<std::int64_t>& positions, std::int64_t samples,
                            std::int64_t width, double nu, std::uint64_t seed) {
  // One stream for all samples: more samples continue the sequence, so the first ones stay the
  // same.
  Philox random(seed, kNoiseStream);
  std::vector<Hooks> noises;
  const auto rows = static_cast<std::int64_t>(positions.size());
  for (std::int64_t sample = 0; sample < samples; ++sample)
    noises.push_back(adding(positions, normal_rows(random, rows, width, nu)));
  return noises;
}

/// Positions are drawn without repetition among those outside the subject, anew for each sample.
std::vector<Hooks> control_noise(const std::vector<std::int64_t>& subject, std::int64_t length,
                                 std::int64_t samples, std::int64_t width, double nu,
                                 std::uint64_t seed) {
  std::vector<std::int64_t> others;
  for (std::int64_t position = 0; position < length; ++position)
    if (!std::binary_search(subject.begin(), subject.end(), position)) others.push_back(position);
  if (others.empty()) return {};
  // A stream of its own, so that the control does not change the noise of the trace.
  Philox random(seed, kControlStream);
  std::vector<Hooks> noises;
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    std::vector<std::int64_t> left = others, drawn;
    while (!left.empty() && drawn.size() < subject.size()) {
      const auto index = static_cast<std::ptrdiff_t>(random.below(left.size()));
      drawn.push_back(left[static_cast<std::size_t>(index)]);
      left.erase(left.begin() + index);
    }
    const auto rows = static_cast<std::int64_t>(drawn.size());
    noises.push_back(adding(drawn, normal_rows(random, rows, width, nu)));
  }
  return noises;
}

/// Forwards without a sweep, since a control has noise at other positions in each run.
double mean_metric(const Model& model, const MetricReader& reader, const Tokens& tokens,
                   const std::vector<Hooks>& runs) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  double sum = 0.0;
  for (const Hooks& hooks : runs) {
    const at::Tensor residual = model.forward(make_batch(tokens), options, hooks).residual[0];
    sum += reader(residual.narrow(0, reader.position(), 1)).flatten()[0].item<double>();
  }
  return sum / static_cast<double>(runs.size());
}

}  // namespace lensbench::tracing
