#pragma once

#include <cstddef>
#include <functional>

#include "archive/hdf5/hdf5.hpp"
#include "core/dataset/case_join.hpp"

namespace lensbench {

/// Function that reads part `index` of a joined dataset; it may be called several times per part.
using ReadPart = std::function<Dataset(std::size_t index)>;

/// Writes a joined dataset into an empty group part by part, so that the memory used does not grow
/// with the number of parts. Values are buffered in whole chunks. If the buffers of all variables
/// do not fit into memory, variables are written in rounds, and the parts are read once per round.
/// \param join     join after `finish`
/// \param relieve  called from time to time to release the memory of what was written
void write_joined(hid_t group, const CaseJoin& join, std::size_t n_parts, const ReadPart& read,
                  const std::function<void()>& relieve);

}  // namespace lensbench
