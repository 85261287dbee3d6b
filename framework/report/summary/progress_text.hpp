#pragma once

#include <string>

#include "archive/joint/shared_progress.hpp"

namespace lensbench {

/// Lines on a run that several processes share: how far it has come, its rate and the time that is
/// left at this rate, and the processes that have written.
std::string progress_text(const SharedProgress& progress);

}  // namespace lensbench
