#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Fit of a Jacobian lens.
struct JacobianLensFit {
  std::string text = {};                  ///< text whose windows are the prompts (`Corpus`)
  std::int64_t n_prompts = 100;           ///< most windows
  std::int64_t length = 128;              ///< most tokens of a window
  std::int64_t skip_first = 16;           ///< first positions of a window that are left out
  std::vector<std::int64_t> layers = {};  ///< layers to fit, 1 to n - 1; empty: all
  std::int64_t seed_batch = 8;            ///< rows of the Jacobian from one backward pass
};

/// Options of one reading.
struct JacobianLensOptions {
  std::int64_t top_k = 10;         ///< candidates for each layer and token
  Target target = Target::next();  ///< token whose probability and rank are reported
};

/// Jacobian lens (Gurnee et al. 2026): the prediction at each layer, read through the mean Jacobian
/// of the last stream by the stream of that layer.
class LENSBENCH_API JacobianLens : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Reads a prompt through a lens. The variables have the names that `LogitLens::analyze` gives
  /// them; `shift` [layer, token] is the divergence of the logit lens from this one.
  /// \param tokens   the prompt
  /// \param lens     `ARCHIVE.h5:results/NAME` or a safetensors file
  /// \param options  what to report
  /// \throws UsageError for an empty prompt or top_k outside 1..vocabulary
  /// \throws InputError for a file that is not a lens of this model
  virtual Dataset read(const Tokens& tokens, const std::string& lens,
                       const JacobianLensOptions& options = {}) = 0;

  /// Fits a lens to a text and reads a prompt through it. An interrupted fit of the same case goes
  /// on after its last prompt.
  ///
  /// - `jacobian` [block, d_model, other_d_model]: J of the output of each block, the derivative of
  ///   the last stream (rows) by that output (columns); NaN: not fitted.
  /// - `fit_se` [block]: standard error of J over prompts, relative to J; `split_half` [block].
  /// \param tokens   the prompt
  /// \param fit      text and positions
  /// \param options  what to report of the prompt
  /// \throws UsageError for options out of range, or a text without a window that is long enough
  virtual Dataset fit(const Tokens& tokens, const JacobianLensFit& fit,
                      const JacobianLensOptions& options = {}) = 0;
};

}  // namespace lensbench
