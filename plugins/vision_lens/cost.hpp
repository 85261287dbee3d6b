#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>

namespace lensbench::vision_lens {

/// Floating-point operations of one forward of a prompt through a model with a vision tower: two
/// for each weight and row that it acts on, and the products of attention. Norms, rotations and
/// activations are left out.
/// \param tokens   of the prompt, those of pictures included
/// \param patches  of its pictures
double forward_flops(const TransformerSpec& spec, std::int64_t tokens, std::int64_t patches);

/// Floating-point operations of the merger on one stream of the tower, counted likewise.
double merger_flops(const TransformerSpec& spec, std::int64_t patches);

}  // namespace lensbench::vision_lens
