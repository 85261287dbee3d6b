#pragma once

#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>
#include <lensbench/tools/residual_geometry.hpp>
#include <string>
#include <vector>

// Values at each token of the prompt: the path of the stream, and what its parts write.

namespace lensbench::geometry {

/// Whether the stream is the sum of what was added to it: a norm after each addition breaks that.
bool has_sum(const TransformerSpec& spec);

/// Name of a hook point or weight of a block.
std::string in_block(std::int64_t block, const char* hook);

/// Hook points of the values at each token of the prompt.
std::vector<std::string> token_hooks(const TransformerSpec& spec, bool components);

/// Adds the values at each token of the prompt.
void add_tokens(Dataset& dataset, Context& context, const Tokens& tokens,
                const ResidualGeometryOptions& options);

}  // namespace lensbench::geometry
