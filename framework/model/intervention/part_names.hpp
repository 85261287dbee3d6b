#pragma once

#include <lensbench/intervention.hpp>
#include <utility>

namespace lensbench {

/// Names of the parts of a sequence in JSON.
inline constexpr std::pair<SequencePart, const char*> kPartNames[] = {
    {SequencePart::all, "all"},
    {SequencePart::prompt, "prompt"},
    {SequencePart::generated, "generated"}};

}  // namespace lensbench
