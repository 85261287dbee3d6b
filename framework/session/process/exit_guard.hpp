#pragma once

#include <functional>
#include <string>

namespace lensbench {

/// Ends the process with code 5 and a message if code of a plug-in calls `exit` or `quick_exit`
/// while this object exists, in the program lensbench `_exit` and `_Exit` too, so that such a run
/// never looks as if it was done. Of several objects the latest gives the message.
class ExitGuard {
 public:
  /// \param message  called at the exit, for the message on stderr
  explicit ExitGuard(std::function<std::string()> message);
  ~ExitGuard();
  ExitGuard(const ExitGuard&) = delete;
  ExitGuard& operator=(const ExitGuard&) = delete;

 private:
  std::function<std::string()> outer_;  ///< message of the guard before this one
};

}  // namespace lensbench
