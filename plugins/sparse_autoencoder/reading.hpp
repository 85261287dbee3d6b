#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/corpus.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>
#include <string>

#include "examples.hpp"
#include "reconstruction.hpp"
#include "splice.hpp"

namespace lensbench::dictionaries {

/// Rows that numbers are measured on: those of a text, or of the prompt.
struct MeasuredText {
  std::string source = {};  ///< empty: the prompt
  CorpusOptions options = {};
  std::int64_t windows = 0;  ///< most windows; 0: all
  std::int64_t tokens = 0;   ///< windows are read until they have this many tokens; 0: all
};

/// What is read of a prompt and, where one is given, of a text.
class Reading {
 public:
  Reading(Context& context, const Dictionary& dictionary, const Site& site,
          const SparseAutoencoderOptions& options, MeasuredText text, const Tokens& tokens);

  const SiteRows& rows() const { return rows_; }
  const Reconstruction& rebuilt() const { return rebuilt_; }
  /// Reads all rows. \param examples  receives the tokens at which features are most active
  Fidelity fidelity(FeatureExamples& examples);
  /// Reads them again. \param mean  of all rows, as `Fidelity` gives it
  Splice splice(const at::Tensor& mean);
  /// Unexplained variance of a prediction of the prompt's rows.
  double fvu_of(const at::Tensor& prediction) const;
  at::Tensor mean_of_prompt() const;

 private:
  /// A sequence whose rows are measured.
  struct Sequence {
    const Tokens& tokens;
    const SiteRows& rows;
    const Reconstruction& rebuilt;
    const at::Tensor& skipped;
    std::int64_t document, first_position;
  };
  /// \param whole  the stream after the last block is needed
  void for_each(bool whole, const std::function<void(const Sequence&)>& use);

  Context& context_;
  const Dictionary& dictionary_;
  const Site& site_;
  const SparseAutoencoderOptions& options_;
  MeasuredText text_;
  const Tokens& tokens_;
  SiteRows rows_;
  at::Tensor skipped_;
  Reconstruction rebuilt_;
};

}  // namespace lensbench::dictionaries
