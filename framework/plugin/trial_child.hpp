#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/error.hpp>
#include <optional>
#include <span>
#include <string>

#include "core/files/file_descriptor.hpp"
#include "plugin/library_loader.hpp"

namespace lensbench {

/// A library to be tried.
struct TrialLibrary {
  std::filesystem::path path;  ///< for messages
  /// Reads the library; called in the child process, in which everything that it points to stays.
  /// May throw PluginError.
  std::function<LoadRequest()> read;
};

/// Message of a child process: the library was read, a step begins, or the result for a library.
struct TrialMessage {
  enum Kind : std::uint32_t { was_read, step, passed, refused } kind;
  PluginFault fault;
  std::array<char, 1024> text;
};

/// A child process that tries libraries one after another, with the pipe of its messages.
class TrialChild {
 public:
  /// \param order  numbers of the libraries that it tries, which must outlive the constructor only
  TrialChild(const std::vector<TrialLibrary>& libraries, std::span<const std::size_t> order);
  /// Ends the process and those that it started.
  ~TrialChild();
  TrialChild(const TrialChild&) = delete;
  TrialChild& operator=(const TrialChild&) = delete;

  /// Descriptor to wait for the next message; -1 after the last one.
  int messages() const { return messages_.get(); }
  /// Whether `read` would not wait: a message or the end of the messages is there.
  bool has_message() const;
  /// Reads a message that is there; empty at the end of the messages.
  std::optional<TrialMessage> read();
  /// Whether the process has ended. It may go on after its last message.
  bool has_ended() { return wait(false); }
  /// Manner in which it ended, as the end of a sentence that begins with a step, with its last
  /// output. A process that still runs is ended.
  std::string end(std::chrono::milliseconds limit);

 private:
  bool wait(bool kill_first);
  std::string output() const;

  FileDescriptor output_, messages_;
  pid_t id_ = -1;
  int status_ = 0;
};

}  // namespace lensbench
