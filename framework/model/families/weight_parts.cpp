#include "model/families/weight_parts.hpp"

namespace lensbench {

namespace {

at::Tensor take(WeightTaker& taker, Part part, const std::string& name,
                const std::vector<std::int64_t>& shape) {
  return part == Part::body ? taker.take(name, shape) : taker.take_head(name, shape);
}

}  // namespace

Linear take_linear(WeightTaker& taker, const std::string& name, std::int64_t in, std::int64_t out,
                   bool bias, Part part) {
  const at::Tensor weight = take(taker, part, name + ".weight", {out, in});
  return {weight.defined() ? weight.t() : weight,
          bias ? take(taker, part, name + ".bias", {out}) : at::Tensor()};
}

NormWeights take_norm(WeightTaker& taker, const TransformerSpec& spec, const std::string& name,
                      Part part) {
  const auto one = [&](bool present, const char* now, const char* before) {
    if (!present) return at::Tensor();
    return take(taker, part, name + (taker.has(name + before) ? before : now), {spec.d_model});
  };
  return {one(spec.norm.has_gain, ".weight", ".gamma"), one(spec.norm.has_bias, ".bias", ".beta")};
}

Linear take_fused(WeightTaker& taker, const TransformerSpec& spec, const std::string& name,
                  bool bias) {
  const AttentionSpec& attention = spec.attention;
  const std::int64_t heads = attention.n_heads + 2 * attention.n_key_value_heads;
  return take_linear(taker, name, spec.d_model, heads * attention.d_head, bias);
}

}  // namespace lensbench
