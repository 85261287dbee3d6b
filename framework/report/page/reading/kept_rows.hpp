#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "report/page/page_result.hpp"

namespace lensbench::page {

/// Lets the variables of results keep the rows that were read last, up to a number of bytes in all,
/// and read rows of short cases together with their neighbours. The pictures and the data of a page
/// ask for the same rows of the first cases, and a chunk of the file, which is unpacked as a whole,
/// has those of many cases, so that reading it for each of them takes most of the time. Tensors of
/// rows must not be changed.
void keep_rows(const std::vector<std::unique_ptr<PageResult>>& results, std::size_t most_bytes);

}  // namespace lensbench::page
