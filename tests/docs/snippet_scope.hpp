#pragma once

// What a block of C++ in a document may use without saying so: ATen, the headers of lensbench, and
// these names.

#include <ATen/core/Tensor.h>

#include <iostream>
#include <lensbench/activation_cache.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/gradients.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/patching.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/readout.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/activations.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <lensbench/tools/layer_surgery.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <lensbench/tools/residual_geometry.hpp>
#include <lensbench/tools/token_analyzer.hpp>
#include <lensbench/weight_changes.hpp>
#include <vector>

using namespace lensbench;

#define SNIPPET_SCOPE                                                              \
  [[maybe_unused]] const std::shared_ptr<const Model> &model,                      \
      [[maybe_unused]] const Tokens &tokens, [[maybe_unused]] const Tokens &clean, \
      [[maybe_unused]] const Tokens &corrupted, [[maybe_unused]] Context &context, \
      [[maybe_unused]] const Parameters &parameters, [[maybe_unused]] Case &c,     \
      [[maybe_unused]] Summary &summary, [[maybe_unused]] Dataset &result,         \
      [[maybe_unused]] std::int64_t target, [[maybe_unused]] std::int64_t other

/// A block that the documents promise to run (`<!-- run with: MODEL -->`).
struct RunnableSnippet {
  const char *where;  ///< document and line
  const char *model;  ///< folder of the model, from the top of the checkout
  void (*run)(SNIPPET_SCOPE);
};
extern const std::vector<RunnableSnippet> lensbench_docs_runnable;
