#pragma once

#include <cstdint>
#include <lensbench/corpus.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <string>

namespace lensbench {

/// Documents of a corpus, by number.
class CorpusDocuments {
 public:
  virtual ~CorpusDocuments() = default;
  virtual std::int64_t count() const = 0;
  /// Tokens of a document. \throws InputError with file and line if it cannot be read
  virtual Tokens tokens(std::int64_t document) = 0;
  /// Place of a document, for messages: `texts.txt:12`.
  virtual std::string source(std::int64_t document) const = 0;
};

/// Documents of a file, one in each line.
/// \throws InputError for a file that cannot be read or lacks documents
std::unique_ptr<CorpusDocuments> file_documents(const Model& model, const std::string& path,
                                                const CorpusOptions& options);

/// Documents that the model samples. \param source  `generated:N`
/// \throws UsageError for another form, or a model that does not predict the next token
std::unique_ptr<CorpusDocuments> generated_documents(const Model& model, const std::string& source,
                                                     const CorpusOptions& options);

/// Streams of random numbers of one seed; far from those that tools number from 0.
inline constexpr std::uint64_t kCorpusPartStream = 0x636f'7270'7573'0000;
inline constexpr std::uint64_t kCorpusOrderStream = kCorpusPartStream + 1;
inline constexpr std::uint64_t kCorpusTextStream = kCorpusPartStream + 0x100;

}  // namespace lensbench
