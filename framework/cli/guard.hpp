#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Runs `work` in a child process with limits on memory, time and open files, so that a file made
/// to break the HDF5 library ends the child and not the command. What the child prints is seen.
/// \param subject  the file or files it reads, for the message
/// \return what `work` returned
/// \throws InputError "damaged archive" if the child was ended by a signal
int in_child(const std::string& subject, const std::function<int()>& work);

}  // namespace lensbench::cli
