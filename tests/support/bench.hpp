#pragma once

#include <lensbench/model.hpp>
#include <lensbench/tool.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "support/contexts.hpp"

namespace lensbench::testing {

/// A tool attached to a model, and one prompt.
template <class Tool>
struct ToolBench {
  ToolBench(std::shared_ptr<const Model> given, const std::vector<std::int64_t>& ids)
      : model(std::move(given)), context(context_of(model)), tokens(tokens_from_ids(*model, ids)) {
    tool.attach(context);
  }

  std::shared_ptr<const Model> model;
  Context context;
  Tool tool;
  Tokens tokens;
};

}  // namespace lensbench::testing
