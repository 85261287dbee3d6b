#pragma once

#include <functional>
#include <lensbench/export.hpp>
#include <string>

#include "archive/sandbox/confine.hpp"

namespace lensbench {

/// Runs `work`, which reads files that anybody may have made, in a child process with limits (see
/// `confine`), so that a file made to break the HDF5 library ends the child and not the command.
/// What it prints is passed on. Whatever the file makes it throw is invalid input.
/// \return what `work` returned, or 3 with a sentence on stderr
/// \throws InputError if a file is not there or is no file, or if the child was ended
LENSBENCH_API int in_child(const Access& access, const std::function<int()>& work);

/// The same for a text that `work` returns.
/// \throws InputError also with what `work` threw
LENSBENCH_API std::string ask_child(const Access& access, const std::function<std::string()>& work);

}  // namespace lensbench
