#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <optional>
#include <string>

namespace lensbench {

/// Documents of a corpus that are read.
enum class CorpusPart {
  all,       ///< every document
  train,     ///< the documents that are not held out
  held_out,  ///< the documents that are held out, for evaluation
};

/// Windows and documents that a corpus gives.
struct CorpusOptions {
  /// Largest number of tokens in a window, BOS included; 0: one window for each document (of a
  /// generated corpus: 128 tokens, or as many as the model has positions).
  std::int64_t length = 0;
  /// Smallest number of tokens in a window; shorter documents and ends of documents are left out.
  std::int64_t min_length = 1;
  /// BOS of a document that is given as text, as in `to_tokens`; unset: the tokenizer's rule. It is
  /// part of the first window of the document only. Documents that are given as ids stay as given.
  std::optional<bool> prepend_bos = std::nullopt;
  /// Reads the documents in a random order; the windows of a document follow each other in order.
  bool shuffle = false;
  CorpusPart part = CorpusPart::all;  ///< documents to read
  /// Share of the documents that is held out, rounded to whole documents.
  double held_out_share = 0.1;
  /// Seed of the order, of the choice of the documents held out, and of generated windows.
  std::uint64_t seed = 0;
};

/// Tokens of a window, and the document that they are from.
struct CorpusWindow {
  Tokens tokens;              ///< the window; its `text` is empty unless it is a whole document
  std::int64_t document = 0;  ///< number of the document in the corpus, from 0
  std::int64_t first_position = 0;  ///< position of the first token in the document
  std::string source;               ///< origin as messages name it: `texts.txt:12`
};

/// Many windows of tokens, for tools that average over text or learn from it. Windows are read one
/// at a time; 24 bytes of memory are used for each document. A window never holds tokens of two
/// documents.
///
/// Sources:
/// - `FILE.jsonl`: one document in each line, an object with either `text` or `ids`; other fields
///   are ignored
/// - any other file: one document in each line, as text. Empty lines are left out
/// - `generated:N`: N documents of one window, sampled from the model at temperature 1, for tests
///   and for users without a text. Each starts with the BOS; without a BOS, with the first
///   end-of-sequence id; without both, with a random token. It ends after an end-of-sequence id.
///
/// Order, parts and generated windows depend on the seed only (`Philox`), and are equal on every
/// machine up to rounding in the model's logits.
class LENSBENCH_API Corpus {
 public:
  /// Opens a corpus and finds its documents.
  /// \param model    model whose tokenizer is used; it must outlive the corpus
  /// \param source   path of a file, or `generated:N`
  /// \param options  windows and documents
  /// \throws InputError for a file that cannot be read or lacks documents, and with file and line
  ///   for bytes that are not UTF-8
  /// \throws UsageError for a number that is out of range, a window that is longer than the model's
  ///   positions, or a generated corpus of a model that does not predict the next token
  Corpus(const Model& model, const std::string& source, const CorpusOptions& options = {});
  ~Corpus();
  Corpus(Corpus&&) noexcept;             ///< moves the contents
  Corpus& operator=(Corpus&&) noexcept;  ///< moves the contents

  /// The next window; empty after the last one.
  /// \throws InputError with file and line for a malformed line, a text that the tokenizer cannot
  ///   encode, an id outside the vocabulary, or, without a window length, a document that is longer
  ///   than the model's positions
  std::optional<CorpusWindow> next();
  /// Starts again at the first window; the windows are the same.
  void rewind();

  /// Number of documents of the part that is read.
  std::int64_t documents() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
