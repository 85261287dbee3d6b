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

  /// Notes what runs now, for the message; empty for nothing. One thread at a time may call it.
  void note(const std::string& now);
  /// Notes what this thread runs now: a crash in it names this instead. Empty for nothing. Any
  /// thread may call it.
  void note_of_thread(const std::string& now);
};

}  // namespace lensbench
