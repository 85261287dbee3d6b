#pragma once

#include <cstdint>
#include <lensbench/error.hpp>
#include <lensbench/reference_prompts.hpp>

#include "common/kept_progress.hpp"

namespace lensbench {

/// Calls `run` with each reference prompt whose sums were not kept, in order. What is summed is
/// kept with the run, also if it is interrupted.
/// \param progress  has the tensors that `run` adds to; an item is a prompt
/// \throws as `ReferencePrompts::for_each` and `run`
template <class Run>
void run_reference(const ReferencePrompts& reference, KeptProgress& progress, Run&& run) {
  const std::int64_t done = progress.done();
  std::int64_t place = 0;
  try {
    reference.for_each([&](const Tokens& prompt) {
      if (place++ < done) return;
      run(prompt);
      progress.finish_item();
    });
  } catch (const RunError&) {
    progress.keep();  // the run was interrupted
    throw;
  }
  if (progress.done() > done) progress.keep();
}

}  // namespace lensbench
