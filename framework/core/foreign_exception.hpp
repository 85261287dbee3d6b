#pragma once

#include <string>

namespace lensbench {

/// Message of the exception that is being handled, of any type, as code of a plug-in may throw it:
/// that of libtorch without its stack of calls, a text as it is. For a handler `catch (...)`.
std::string text_of_foreign_exception();

}  // namespace lensbench
