#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>
#include <optional>
#include <string>
#include <vector>

#include "load.hpp"

namespace lensbench::dictionaries {

/// Where a dictionary reads and writes in a model.
struct Site {
  std::string input, output;  ///< hook points; equal unless it is a transcoder
  bool centred = false;       ///< the mean over a row is subtracted before, and added after
  /// Blocks that a forward needs to reach both points; empty: all, and what follows them.
  std::optional<std::int64_t> blocks = std::nullopt;
};

/// Where a new dictionary would be: one point with one row for each position.
/// \throws UsageError for a point that does not exist or has other axes
Site site_of_training(const Model& model, const SparseAutoencoderOptions& options);

/// Numbers in a row of a point.
std::int64_t width_of(const Model& model, const HookPoint& point);

/// Points of a dictionary in a model. \throws UsageError for points that the model does not have
/// \throws InputError for points of another width
Site site_of(const Model& model, const StoredDictionary& stored,
             const SparseAutoencoderOptions& options);

/// Rows of a sequence at the points of a dictionary.
struct SiteRows {
  at::Tensor input;        ///< [token, d_in] float32, centred where the site is
  at::Tensor output;       ///< [token, d_out] float32, centred where the site is: what is rebuilt
  at::Tensor output_mean;  ///< [token, 1] that was subtracted; undefined: 0
  at::Tensor last;         ///< [1, token, d_model] stream after the last block, if asked for
};

/// Runs the model on a sequence. \throws RunError for an activation that is not finite
/// \param whole  also the blocks after the points, for `last`
SiteRows read_site(const Model& model, const Site& site, const Tokens& tokens, bool whole);

/// Rows [row, d_in] of several sequences at the input of a site, in their order, as `SiteRows`.
at::Tensor read_inputs(const Model& model, const Site& site, const std::vector<Tokens>& sequences);

/// Stream after the last block [1, token, d_model] of a run in which rows are replaced.
/// \param rows     [token, d_out] as in `SiteRows::output`, without the mean that was subtracted
/// \param skipped  [token] bool, rows that stay as they are
at::Tensor run_with(const Model& model, const Site& site, const Tokens& tokens,
                    const at::Tensor& rows, const at::Tensor& skipped);

/// True at the special tokens of a sequence, [token] bool, if they are left out.
at::Tensor special_rows(const Model& model, const Tokens& tokens, bool exclude);

}  // namespace lensbench::dictionaries
