#include <lensbench/plugin.hpp>

#include "sparse_autoencoder.hpp"

LENSBENCH_PLUGIN("sparse_autoencoder",
                 LENSBENCH_TOOL(lensbench::dictionaries::SparseAutoencoderTool,
                                "sparse_autoencoder", "1.0.0",
                                "Which features of a sparse autoencoder or transcoder are "
                                "active, and what do they rebuild?"));
