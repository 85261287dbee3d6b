#include "model/families/weight_parts.hpp"

namespace lensbench {

namespace {

at::Tensor take(WeightTaker& taker, Part part, const std::string& name,
                const std::vector<std::int64_t>& shape) {
  return part == Part::body ? taker.take(name, shape) : taker.take_head(name, shape);
}

/// Gain of a norm from a file that stores it minus one. The result is float32, since bfloat16 would
/// round one plus a small number.
at::Tensor plus_one(const at::Tensor& stored) {
  return stored.defined() ? stored.to(at::kFloat).add(1.0) : stored;
}

}  // namespace

Linear take_linear(WeightTaker& taker, const std::string& name, std::int64_t in, std::int64_t out,
                   bool bias, Part part) {
  const at::Tensor weight = part == Part::body ? taker.take_matrix(name + ".weight", {out, in})
                                               : taker.take_head(name + ".weight", {out, in});
  // A transposed view, so that the mapped file is used without a copy.
  return {weight.defined() ? weight.t() : weight,
          bias ? take(taker, part, name + ".bias", {out}) : at::Tensor()};
}

NormWeights take_norm(WeightTaker& taker, const NormSpec& norm, const std::string& name,
                      std::int64_t size, Part part) {
  const auto one = [&](bool present, const char* now, const char* before) {
    if (!present) return at::Tensor();
    return take(taker, part, name + (taker.has(name + before) ? before : now), {size});
  };
  const at::Tensor gain = one(norm.has_gain, ".weight", ".gamma");
  return {norm.gain_plus_one ? plus_one(gain) : gain, one(norm.has_bias, ".bias", ".beta")};
}

NormWeights take_norm(WeightTaker& taker, const TransformerSpec& spec, const std::string& name,
                      Part part) {
  return take_norm(taker, spec.norm, name, spec.d_model, part);
}

Linear take_fused(WeightTaker& taker, const TransformerSpec& spec, const std::string& name,
                  bool bias) {
  const AttentionSpec& attention = spec.attention;
  const std::int64_t heads = attention.n_heads + 2 * attention.n_key_value_heads;
  return take_linear(taker, name, spec.d_model, heads * attention.d_head, bias);
}

}  // namespace lensbench
