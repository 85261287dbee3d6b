#include <algorithm>
#include <cmath>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <numeric>
#include <utility>
#include <vector>

#include "core/text/number_text.hpp"
#include "model/corpus/documents.hpp"

namespace lensbench {
namespace {

void check_options(const Model& model, const CorpusOptions& options) {
  const std::int64_t limit = position_limit(model.spec());
  if (options.length < 0 || options.length > limit)
    throw UsageError("corpus: windows of " + std::to_string(options.length) +
                     " tokens cannot be read; give 0 (whole documents) to " +
                     std::to_string(limit) + ", the positions of the model");
  if (options.min_length < 1 || (options.length > 0 && options.min_length > options.length))
    throw UsageError("corpus: the smallest window has " + std::to_string(options.min_length) +
                     " tokens; give at least 1 and at most the length of a window");
  if (!(options.held_out_share >= 0.0 && options.held_out_share <= 1.0))
    throw UsageError("corpus: the share that is held out is " +
                     shortest_text(options.held_out_share) + "; give 0 to 1");
}

/// Random permutation (Fisher-Yates).
void shuffle(std::vector<std::int64_t>& numbers, std::uint64_t seed, std::uint64_t stream) {
  Philox random(seed, stream);
  for (std::size_t i = numbers.size(); i > 1; --i)
    std::swap(numbers[i - 1], numbers[random.below(i)]);
}

/// Numbers of the documents to read, in the order of reading.
std::vector<std::int64_t> chosen_documents(std::int64_t count, const CorpusOptions& options) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  // One shuffle divides the documents, so both parts of a seed are disjoint and together complete.
  // Sorting restores the order of the file within the part.
  if (options.part != CorpusPart::all) {
    shuffle(numbers, options.seed, kCorpusPartStream);
    const auto held_out = static_cast<std::ptrdiff_t>(
        std::llround(options.held_out_share * static_cast<double>(count)));
    if (options.part == CorpusPart::held_out)
      numbers.erase(numbers.begin() + held_out, numbers.end());
    else
      numbers.erase(numbers.begin(), numbers.begin() + held_out);
    std::sort(numbers.begin(), numbers.end());
  }
  if (options.shuffle) shuffle(numbers, options.seed, kCorpusOrderStream);
  return numbers;
}

Tokens slice(const Tokens& tokens, std::int64_t first, std::int64_t count) {
  if (first == 0 && count == tokens.size()) return tokens;
  Tokens part;
  part.ids.assign(tokens.ids.begin() + first, tokens.ids.begin() + first + count);
  part.texts.assign(tokens.texts.begin() + first, tokens.texts.begin() + first + count);
  // Only the window that begins a document can begin with its BOS.
  part.bos_added = first == 0 && tokens.bos_added;
  return part;
}

}  // namespace

/// Place of the next window: `position` within the document that was opened last.
struct Corpus::State {
  CorpusOptions options;
  std::int64_t limit;
  std::unique_ptr<CorpusDocuments> documents;
  std::vector<std::int64_t> order;
  std::size_t opened = 0;  ///< documents of `order` that were read
  Tokens current = {};     ///< the last of them
  std::int64_t position = 0;

  std::int64_t document() const { return order[opened - 1]; }

  void open_next() {
    ++opened;
    current = documents->tokens(document());
    position = 0;
    // A whole document is never cut silently: one that does not fit the model is an error.
    if (options.length == 0 && current.size() > limit)
      throw InputError(documents->source(document()) + ": the document has " +
                       std::to_string(current.size()) + " tokens, but the model has " +
                       std::to_string(limit) + " positions; divide it into shorter ones");
  }
};

Corpus::Corpus(const Model& model, const std::string& source, const CorpusOptions& options) {
  check_options(model, options);
  auto documents = source.starts_with("generated:") ? generated_documents(model, source, options)
                                                    : file_documents(model, source, options);
  auto order = chosen_documents(documents->count(), options);
  state_.reset(
      new State{options, position_limit(model.spec()), std::move(documents), std::move(order)});
}

Corpus::~Corpus() = default;
Corpus::Corpus(Corpus&&) noexcept = default;
Corpus& Corpus::operator=(Corpus&&) noexcept = default;

/// Windows do not cross documents. The end of a document is dropped if it is shorter than
/// min_length.
std::optional<CorpusWindow> Corpus::next() {
  State& s = *state_;
  while (true) {
    const std::int64_t left = s.current.size() - s.position;
    if (left < s.options.min_length) {
      if (s.opened == s.order.size()) return std::nullopt;
      s.open_next();
      continue;
    }
    const std::int64_t count = s.options.length == 0 ? left : std::min(left, s.options.length);
    CorpusWindow window{slice(s.current, s.position, count), s.document(), s.position,
                        s.documents->source(s.document())};
    s.position += count;
    return window;
  }
}

void Corpus::rewind() {
  state_->opened = 0;
  state_->current = {};
  state_->position = 0;
}

std::int64_t Corpus::documents() const {
  return std::ssize(state_->order);
}

}  // namespace lensbench
