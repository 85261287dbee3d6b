#pragma once

namespace lensbench {

/// Memory that this process can use without swapping, in bytes, as the system estimates it;
/// infinity if the system does not report it.
double available_memory();

}  // namespace lensbench
