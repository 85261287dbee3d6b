#pragma once

#include <lensbench/dataset.hpp>

#include "attribution.hpp"
#include "reconstruction.hpp"
#include "splice.hpp"

namespace lensbench::dictionaries {

/// Features of the prompt, and what is measured at each of its tokens.
void add_tokens(Dataset& dataset, const Tokens& tokens, const SiteRows& rows,
                const Reconstruction& rebuilt);
/// Numbers over rows, and of the features themselves.
void add_fidelity(Dataset& dataset, const Dictionary& dictionary, const Fidelity& fidelity);
void add_splice(Dataset& dataset, const Splice& splice);
void add_attribution(Dataset& dataset, const Attribution& parts, const char* units);
/// Tokens of the features that the prompt lists.
void add_feature_tokens(Dataset& dataset, const Model& model, const Dictionary& dictionary,
                        const Reconstruction& rebuilt, std::int64_t k);

}  // namespace lensbench::dictionaries
