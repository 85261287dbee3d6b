#pragma once

#include "cli/commands.hpp"

namespace lensbench::cli {

inline constexpr const char* kModelInitHelp =
    R"(lensbench model init --config config.json [--seed N] [--dtype float32|bfloat16|float16] DIR

Writes an untrained model of any family to DIR, a folder that does not exist or is empty:
config.json as given and model.safetensors with random weights, drawn as transformers initialises
that family. The same configuration, seed and dtype give the same bytes on any number of threads.
--seed   default 0
--dtype  default: dtype (or torch_dtype) of the configuration, else float32
)";

/// What follows `lensbench model init`; returns the exit code.
int model_init(const Arguments& arguments);

}  // namespace lensbench::cli
