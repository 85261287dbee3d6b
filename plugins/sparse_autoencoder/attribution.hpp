#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>

#include "reconstruction.hpp"

namespace lensbench::dictionaries {

/// Parts of a metric to first order: the products of the activation's parts with the gradient.
struct Attribution {
  at::Tensor listed;        ///< [token, rank] float64, of the features that are listed
  at::Tensor all_features;  ///< [token] float64
  at::Tensor error;         ///< [token] float64, what the dictionary does not rebuild
  at::Tensor bias;          ///< [token] float64, biases, skips, and means that were subtracted
  double gap = 0;  ///< largest difference of their sum and x · gradient, over the largest part
};

/// \param reader  the metric
Attribution attribute(const Model& model, const Site& site, const Dictionary& dictionary,
                      const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
                      const MetricReader& reader);

}  // namespace lensbench::dictionaries
