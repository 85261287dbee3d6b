#include <lensbench/plugin.hpp>

#include "activation_patching.hpp"
#include "causal_tracing.hpp"

LENSBENCH_PLUGIN(
    "activation_patching",
    LENSBENCH_TOOL(lensbench::patching::ActivationPatchingTool, "activation_patching", "1.0.0",
                   "Which activation carries the answer: each one replaced by that of "
                   "another prompt, or ablated"),
    LENSBENCH_TOOL(lensbench::tracing::CausalTracingTool, "causal_tracing", "1.0.0",
                   "Where a fact is recalled: activations restored one at a time after "
                   "the subject was corrupted"));
