#pragma once

namespace lensbench {

/// Forgets earlier signals and installs handlers: after the first SIGINT or SIGTERM the current
/// case is finished and saved; a second signal ends the process. SIGXFSZ is ignored, so that
/// writing a file beyond the size limit fails with an error.
void catch_interrupts();

/// True if such a signal was received.
bool was_interrupted();

}  // namespace lensbench
