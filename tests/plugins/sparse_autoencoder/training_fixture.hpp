#pragma once

#include <cstdint>
#include <lensbench/random.hpp>
#include <string>

#include "sae_fixture.hpp"
#include "support/stopped_run.hpp"

namespace lensbench::dictionaries {

using testing::StoppedRun;

/// Documents of ids, one a line.
inline std::string documents(std::int64_t count, std::int64_t length, std::int64_t vocab) {
  std::string lines;
  Philox draw(7);
  for (std::int64_t document = 0; document < count; ++document) {
    lines += "{\"ids\": [";
    for (std::int64_t i = 0; i < length; ++i)
      lines += (i == 0 ? "" : ",") + std::to_string(draw.below(static_cast<std::uint64_t>(vocab)));
    lines += "]}\n";
  }
  return lines;
}

/// A training that takes little time.
inline SparseAutoencoderTraining small_training(const std::string& text) {
  return {.text = text,
          .latents = 40,
          .k = 4,
          .steps = 6,
          .tokens_per_step = 20,
          .learning_rate = 0.01,
          .held_out = 0.2};
}

/// The stream after the first block, in windows of 12 tokens.
inline SparseAutoencoderOptions first_stream() {
  return {.hook = "blocks.0.hook_resid_post", .window = 12};
}

}  // namespace lensbench::dictionaries
