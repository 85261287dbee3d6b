#pragma once

#include <cstddef>
#include <functional>

#include "archive/hdf5/hdf5.hpp"
#include "core/dataset/case_join.hpp"

namespace lensbench {

/// Reads part `index` of a joined dataset, as often as it is asked to.
using ReadPart = std::function<Dataset(std::size_t index)>;

/// Writes a joined dataset into an empty group, a part at a time: memory does not grow with their
/// number. Values go through buffers of whole chunks, those of some variables at a time; the parts
/// are read once for each such round.
/// \param join      finished
/// \param relieve   called now and then: what was written may leave memory
void write_joined(hid_t group, const CaseJoin& join, std::size_t n_parts, const ReadPart& read,
                  const std::function<void()>& relieve);

}  // namespace lensbench
