#include "tower_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/vision.hpp>
#include <numeric>
#include <set>

#include "decode.hpp"
#include "result.hpp"

namespace lensbench::vision_lens {
namespace {

constexpr const char* kMergerInput = "vision_projector.hook_in";
constexpr const char* kMergerOutput = "vision_projector.hook_out";

/// Stream of the tower after some blocks. After the last one it is what the merger reads.
std::string tower_stream(const VisionSpec& spec, std::int64_t layer) {
  if (layer == spec.n_layers) return kMergerInput;
  return "vision_encoder.blocks." + std::to_string(layer) + ".hook_resid_pre";
}

/// The merger on the last stream against the tokens that the model made of it. They differ where
/// an intervention changes what the merger gives.
Receipt merger_receipt(const Model& model, const at::Tensor& merged, const at::Tensor& given) {
  const at::Tensor expected = given.to(at::Device(at::kCPU), at::kDouble);
  const at::Tensor difference = merged.to(at::Device(at::kCPU), at::kDouble) - expected;
  const at::ScalarType type = model.unembedding().weight.scalar_type();
  const bool half = type == at::kHalf || type == at::kBFloat16;
  return make_receipt(
      "tower_lens_last_layer_equals_tokens",
      difference.abs().max().item<double>() / std::max(1.0, expected.abs().max().item<double>()),
      half ? 2e-2 : 2e-5,
      std::string("merger on the last stream of the tower and the tokens that the text model "
                  "reads, relative to the largest value; ") +
          (half ? "half-precision products round at 2^-8" : "float32 products"));
}

}  // namespace

std::vector<std::int64_t> tower_layers_of(const VisionSpec& spec,
                                          const VisionLensOptions& options) {
  if (!options.tower) {
    if (options.tower_layers.empty()) return {};
    throw UsageError(
        "vision_lens: tower_layers is given, but tower is false; give tower=true, or leave "
        "tower_layers out");
  }
  if (options.tower_layers.empty()) {
    std::vector<std::int64_t> layers(static_cast<std::size_t>(spec.n_layers + 1));
    std::iota(layers.begin(), layers.end(), 0);
    return layers;
  }
  const std::set<std::int64_t> chosen(options.tower_layers.begin(), options.tower_layers.end());
  for (const std::int64_t layer : {*chosen.begin(), *chosen.rbegin()})
    if (layer < 0 || layer > spec.n_layers)
      throw UsageError("vision_lens: a layer of the tower is " + std::to_string(layer) +
                       "; give 0 to " + std::to_string(spec.n_layers));
  return {chosen.begin(), chosen.end()};
}

std::vector<std::string> tower_hooks(const VisionSpec& spec,
                                     const std::vector<std::int64_t>& layers) {
  if (layers.empty()) return {};
  std::vector<std::string> names = {kMergerInput, kMergerOutput};
  for (const std::int64_t layer : layers) names.push_back(tower_stream(spec, layer));
  return names;
}

void add_tower(Dataset& dataset, const Model& model, const Tokens& tokens,
               const std::vector<ImageToken>& image_tokens, const std::vector<std::int64_t>& layers,
               const std::map<std::string, at::Tensor>& read, const std::vector<TokenSet>& sets,
               std::int64_t top_k) {
  const VisionSpec& spec = *model.spec().vision;
  const auto merged = [&](const std::string& stream) {
    return merge_patches(model, tokens.pictures, read.at(stream));
  };
  const at::Tensor numbers = numbers_of(image_tokens);
  std::vector<at::Tensor> rows;
  rows.reserve(layers.size());
  for (const std::int64_t layer : layers) {
    const at::Tensor all = merged(tower_stream(spec, layer));
    rows.push_back(all.index_select(0, numbers.to(all.device())));
  }
  add_tower_axis(dataset, layers);
  add_map(dataset, decode(model, rows, sets, top_k), !sets.empty(), "tower_");
  dataset.receipts.push_back(merger_receipt(model, merged(kMergerInput), read.at(kMergerOutput)));
}

}  // namespace lensbench::vision_lens
