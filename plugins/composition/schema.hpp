#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::composition {

/// Variables of the results.
inline constexpr ResultSpec kResultTable[] = {
    {"pair_score", "pair", "1", "the largest composition scores", View::bars, false},
    {"baseline", "mode", "1", "1 / sqrt(d_model)", View::table, false},
    {"baseline_mean", "mode", "1", "mean score of random heads of the same shapes", View::table,
     false},
    {"baseline_sd", "mode", "1", "standard deviation of these scores", View::table, false},
    {"composition", "mode sender_block sender_head receiver_block receiver_head", "1",
     "how much of what a head writes is read by a later head", View::general, false},
    {"copying_score", "block head", "1",
     "sum over sum of magnitudes of the eigenvalues of W_E OV W_U: 1 where a head raises the "
     "tokens it reads",
     View::heatmap},
    {"matching_score", "block head", "1",
     "sum over sum of magnitudes of the eigenvalues of W_E QK W_E^T: 1 where a head looks for the "
     "same token",
     View::heatmap},
    {"ov_norm", "block head", "1", "Frobenius norm of OV", View::general},
    {"qk_norm", "block head", "1", "Frobenius norm of QK", View::general},
    {"eigenvalue_real", "block head eigenvalue", "1", "real part of an eigenvalue of W_E OV W_U",
     View::general},
    {"eigenvalue_imag", "block head eigenvalue", "1",
     "imaginary part of an eigenvalue of W_E OV W_U", View::general},
    {"singular_value", "circuit block head direction", "1", "singular value", View::general, false},
    {"degenerate", "circuit block head direction", "1",
     "1 where the direction is not determined, because singular values are nearly equal",
     View::general, false},
    {"input_top_id", "block head direction sign rank", "1",
     "tokens that OV reads most along a direction", View::heatmap, false},
    {"input_top_value", "block head direction sign rank", "1", "their products with the direction",
     View::general, false},
    {"output_top_id", "block head direction sign rank", "1",
     "tokens whose logits OV raises most along a direction", View::heatmap, false},
    {"output_top_value", "block head direction sign rank", "1", "their products with the direction",
     View::general, false},
    {"query_top_id", "block head direction sign rank", "1",
     "tokens that query most along a direction of QK", View::heatmap, false},
    {"query_top_value", "block head direction sign rank", "1", "their products with the direction",
     View::general, false},
    {"key_top_id", "block head direction sign rank", "1", "tokens that match those queries as keys",
     View::heatmap, false},
    {"key_top_value", "block head direction sign rank", "1", "their products with the direction",
     View::general, false},
    {"read_q", "block head", "1", "|d W_Q| / |d| of the chosen direction d", View::heatmap, false},
    {"read_k", "block kv_head", "1", "|d W_K| / |d| of the chosen direction d", View::heatmap,
     false},
    {"read_v", "block kv_head", "1", "|d W_V| / |d| of the chosen direction d", View::heatmap,
     false},
    {"write", "block head", "1", "|OV d| / |d| of the chosen direction d", View::heatmap, false},
};

}  // namespace lensbench::composition
