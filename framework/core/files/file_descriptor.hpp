#pragma once

#include <cerrno>
#include <lensbench/export.hpp>
#include <string>
#include <utility>

namespace lensbench {

/// Owns an open file descriptor.
class LENSBENCH_API FileDescriptor {
 public:
  FileDescriptor() = default;
  /// \param descriptor  what `open` returned; negative means none
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
  /// \return what `close` returned; 0 if nothing was open. A late write error can show here.
  int close();

 private:
  int descriptor_ = -1;
};

/// A system call again and again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// The system's words for an errno value; safe to call from any thread.
LENSBENCH_API std::string errno_text(int error);

}  // namespace lensbench
