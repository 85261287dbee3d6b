#pragma once

namespace lensbench {

/// Lets the first SIGINT or SIGTERM of this process finish and keep the case in hand; a second one
/// ends the process. A file that may not grow becomes an error of the write.
void catch_interrupts();

/// Whether such a signal came.
bool was_interrupted();

}  // namespace lensbench
