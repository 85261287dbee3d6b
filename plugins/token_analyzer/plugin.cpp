#include <lensbench/plugin.hpp>

#include "token_analyzer/token_analyzer.hpp"

LENSBENCH_PLUGIN("token_analyzer",
                 LENSBENCH_TOOL(lensbench::TokenAnalyzerTool, "token_analyzer", "1.0.0",
                                "How each token was chosen: candidates, rank, surprisal, entropy, "
                                "sampling, perplexity, and the same text under another model."));
