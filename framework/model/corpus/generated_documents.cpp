#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/random.hpp>

#include "model/corpus/documents.hpp"

namespace lensbench {
namespace {

/// Tokens of a generated window if the options ask for whole documents.
constexpr std::int64_t kUsualLength = 128;
constexpr std::string_view kPrefix = "generated:";

std::int64_t count_of(const std::string& source) {
  const std::string digits = source.substr(kPrefix.size());
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size() || count < 1)
    throw UsageError("corpus: '" + source +
                     "' is not a number of generated windows; give generated:N with N of at least "
                     "1, such as generated:64");
  return count;
}

class GeneratedDocuments final : public CorpusDocuments {
 public:
  GeneratedDocuments(const Model& model, std::int64_t count, const CorpusOptions& options)
      : model_(model),
        count_(count),
        length_(options.length > 0 ? options.length
                                   : std::min(kUsualLength, position_limit(model.spec()))),
        seed_(options.seed) {}

  std::int64_t count() const override { return count_; }

  Tokens tokens(std::int64_t document) override {
    // Each document has its own stream of random numbers, so its text does not depend on which
    // documents were read before.
    Philox random(seed_, kCorpusTextStream + static_cast<std::uint64_t>(document));
    Tokens start = tokens_from_ids(model_, {first_id(random)});
    if (length_ == 1) return start;
    GenerationOptions options;
    options.max_new_tokens = length_ - 1;
    // Temperature 1 without truncation samples from the distribution of the model itself.
    options.sampling.temperature = 1.0;
    const std::uint64_t high = random.next_u32();
    options.sampling.seed = high << 32 | random.next_u32();
    std::vector<std::int64_t> ids = generate(model_, start, options);
    ids.insert(ids.begin(), start.ids.front());
    return tokens_from_ids(model_, std::move(ids));
  }

  std::string source(std::int64_t document) const override {
    return "generated window " + std::to_string(document);
  }

 private:
  /// First token: BOS, else an end-of-sequence token, after which a new text starts, else a random
  /// one.
  std::int64_t first_id(Philox& random) const {
    const auto tokenizer = model_.tokenizer();
    if (tokenizer && tokenizer->bos_id()) return *tokenizer->bos_id();
    const auto ends = model_.end_of_sequence_ids();
    if (!ends.empty()) return ends.front();
    return static_cast<std::int64_t>(
        random.below(static_cast<std::uint64_t>(model_.spec().vocab_size)));
  }

  const Model& model_;
  std::int64_t count_, length_;
  std::uint64_t seed_;
};

}  // namespace

std::unique_ptr<CorpusDocuments> generated_documents(const Model& model, const std::string& source,
                                                     const CorpusOptions& options) {
  const std::int64_t count = count_of(source);
  if (model.spec().masked_language_model || !model.spec().attention.causal)
    throw UsageError("corpus: '" + model.spec().family +
                     "' does not predict the next token, so it cannot generate a corpus; give a "
                     "file of texts");
  return std::make_unique<GeneratedDocuments>(model, count, options);
}

}  // namespace lensbench
