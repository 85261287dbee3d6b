#pragma once

#include <functional>
#include <string>

#include "archive/sandbox/confine.hpp"

namespace lensbench {

/// Runs `work`, which reads untrusted files, in a confined child process (see `confine`), so that a
/// file that crashes the HDF5 library ends the child and not the command. The output of the child
/// is forwarded; exceptions in it count as invalid input. \return the result of `work`, or 3 after
/// a message on stderr \throws InputError if a file is missing or not a regular file, or if a
/// signal ended the child; RunError if it was killed for another reason than its time limit, as the
/// system does when memory is exhausted
int in_child(const Access& access, const std::function<int()>& work);

/// Runs `work` in a confined child process and returns its text.
/// \throws InputError under the conditions of `in_child`, and with the message of an exception of
///   `work`
std::string ask_child(const Access& access, const std::function<std::string()>& work);

}  // namespace lensbench
