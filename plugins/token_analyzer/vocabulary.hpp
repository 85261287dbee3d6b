#pragma once

#include <lensbench/model.hpp>

namespace lensbench::token_analysis {

/// Checks that each id means the same token in both models, so that they can be compared.
/// \throws UsageError if the vocabularies differ in size or, where both models have a tokenizer, in
///   the bytes or the role of any token; the first difference is named
void require_same_vocabulary(const Model& own, const Model& other);

}  // namespace lensbench::token_analysis
