#include "corpus_parts.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::tuned {

Corpus open_part(const Model& model, const TunedLensTraining& training, std::uint64_t seed,
                 CorpusPart part) {
  CorpusOptions options;
  options.length = std::min(training.window, model.spec().max_positions);
  options.min_length = 2;
  options.shuffle = true;
  options.part = part;
  options.held_out_share = training.held_out;
  options.seed = seed;
  Corpus corpus(model, training.text, options);
  if (corpus.documents() > 0) return corpus;
  throw UsageError(std::string("tuned_lens: held_out is ") + std::to_string(training.held_out) +
                   ", which leaves 0 documents of the text to " +
                   (part == CorpusPart::train ? "train on" : "measure the lens on") +
                   "; give a text of more documents, or another share");
}

}  // namespace lensbench::tuned
