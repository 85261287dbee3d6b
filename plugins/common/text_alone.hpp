#pragma once

#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <string>

namespace lensbench::tracing {

/// For tools whose changed runs are batches of token ids, which do not carry pictures.
/// \throws UsageError if the prompt has pictures
inline void refuse_pictures(const std::string& tool, const Tokens& tokens) {
  if (tokens.pictures.empty()) return;
  throw UsageError(tool +
                   ": the prompt has pictures, and this tool runs texts alone; give a text, or use "
                   "vision_lens or layer_attribution");
}

}  // namespace lensbench::tracing
