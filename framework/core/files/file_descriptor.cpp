#include "core/files/file_descriptor.hpp"

#include <unistd.h>

#include <system_error>

namespace lensbench {

int FileDescriptor::close() {
  if (descriptor_ < 0) return 0;
  // Linux releases the descriptor whatever close() returns, so a second call could close another
  // file.
  return ::close(std::exchange(descriptor_, -1));
}

// strerror is not safe in several threads.
std::string errno_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace lensbench
