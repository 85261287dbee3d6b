#pragma once

#include <lensbench/sweep_receipts.hpp>

namespace lensbench::patching {

/// Patches pattern and values of some heads of one block together, at all positions, and compares
/// with their z. Groups of heads that share values are patched as a whole.
Receipt pattern_and_values_are_z(const SweepCheck& check, const Tokens& source);

}  // namespace lensbench::patching
