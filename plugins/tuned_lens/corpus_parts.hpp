#pragma once

#include <cstdint>
#include <lensbench/corpus.hpp>
#include <lensbench/tools/tuned_lens.hpp>

namespace lensbench::tuned {

/// The documents of the text that are trained on, or those held out: windows of at least two
/// tokens, documents in a random order that depends on the seed alone.
/// \throws UsageError if that part has no documents
Corpus open_part(const Model& model, const TunedLensTraining& training, std::uint64_t seed,
                 CorpusPart part);

}  // namespace lensbench::tuned
