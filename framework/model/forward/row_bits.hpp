#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>

namespace lensbench {

/// Whether a row of `linear` has the same bits among any number of other rows, up to 512. That
/// depends on the BLAS and on the processor: OpenBLAS 0.3.21 sums some columns in another order for
/// other numbers of rows on AMD Zen. It is tried with numbers that depend on nothing else.
/// \param in, out  shape of the weight, float32
bool rows_keep_their_bits(std::int64_t in, std::int64_t out);

/// Whether that is true of the weights of a float32 model.
bool rows_keep_their_bits(const TransformerSpec& spec);

}  // namespace lensbench
