#pragma once

#include <cerrno>
#include <string>
#include <utility>

namespace lensbench {

/// Owns an open file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  /// \param descriptor  return value of `open`; negative means no file
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  /// Closes the file; a delayed write error is reported here.
  /// \return the result of `close`; 0 if no file was open
  int close();

 private:
  int descriptor_ = -1;
};

/// Makes a system call, again if a signal interrupted it.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// The system's error text for an errno value; thread-safe.
std::string errno_text(int error);

}  // namespace lensbench
