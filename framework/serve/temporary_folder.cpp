#include "serve/temporary_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <lensbench/error.hpp>
#include <string>
#include <system_error>

#include "core/files/file_descriptor.hpp"

namespace lensbench::serve {

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  std::string name = (std::filesystem::temp_directory_path(error) / "lensbench-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr)
    throw RunError(name + ": a temporary folder cannot be made (" +
                   (error ? error.message() : errno_text(errno)) + "); set TMPDIR to another one");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace lensbench::serve
