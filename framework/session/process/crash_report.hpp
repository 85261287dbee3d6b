#pragma once

#include <string>

namespace lensbench {

/// Says on stderr what ran when the process crashes while this object exists: code of a plug-in
/// may write to memory that is read-only, such as weights that are mapped from their file. The
/// process then ends by the signal as it would have. One object at a time.
class CrashReport {
 public:
  /// \param advice  end of the message: what is safe, and how to go on
  explicit CrashReport(const std::string& advice);
  ~CrashReport();
  CrashReport(const CrashReport&) = delete;
  CrashReport& operator=(const CrashReport&) = delete;

  /// Notes what runs now, for the message; empty for nothing.
  void note(const std::string& now);
};

}  // namespace lensbench
