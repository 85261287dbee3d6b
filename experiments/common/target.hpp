#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/model.hpp>
#include <lensbench/target.hpp>

namespace common {

/// Token that follows the prompt: the target of the case, or where that is not one token, the
/// choice of the model of the run.
inline std::int64_t token_after(const lensbench::Case& c) {
  using lensbench::ForwardOptions;
  const lensbench::Target target = c.target();
  if (target.kind == lensbench::Target::Kind::token) return target.id;
  ForwardOptions last;
  last.logits = ForwardOptions::Logits::last;
  return c.model()
      .forward(lensbench::make_batch(c.tokens()), last)
      .logits.flatten()
      .argmax()
      .item<std::int64_t>();
}

}  // namespace common
