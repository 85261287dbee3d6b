#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/tools/composition.hpp>
#include <lensbench/uses.hpp>
#include <limits>
#include <string>
#include <vector>

#include "heads.hpp"

// Summary over the cases. Half of the sequences choose the heads, the other half measures.

namespace induction_heads {

inline constexpr double kNotDetermined = std::numeric_limits<double>::quiet_NaN();
/// Meaning of NaN in numbers about heads that were found.
inline constexpr const char* kNone = " (NaN: no head was found, or its block has no other)";

/// The half of the sequences that measures, or the one that chooses. \param sequences [sequence,
/// ...]
at::Tensor half(const at::Tensor& sequences, bool measures);

/// One half of the sequences of all cases, [sequence, ...].
at::Tensor pooled(const lensbench::Summary& cases, const std::string& name, bool measures);

/// The first `count` heads, or all.
std::vector<Head> best_of(const std::vector<Head>& heads, std::int64_t count);

/// Adds mean, quantiles and interval of a variable over sequences. \param values  [sequence, ...]
void add_over_sequences(lensbench::Dataset& table, const lensbench::Variable& like,
                        const std::vector<std::string>& dims, const at::Tensor& values);

/// Adds the heads that were found, and those with the largest scores.
void add_findings(lensbench::Dataset& table, const Selection& selection);

/// Adds the effect of the ablation on the repeat gain, against that of random heads.
void add_ablation(lensbench::Dataset& table, const lensbench::Summary& summary);

/// Adds the K composition of the best previous-token heads with the induction heads after them.
void add_composition(lensbench::Dataset& table, const Selection& selection, std::int64_t top_k,
                     lensbench::Uses<lensbench::Composition>& composition);

}  // namespace induction_heads
