#include "core/files/output_file.hpp"

#include <lensbench/error.hpp>
#include <system_error>

namespace lensbench {

namespace fs = std::filesystem;

void check_output_file(const fs::path& file, bool force, const std::vector<fs::path>& inputs) {
  if (file == "-")
    throw UsageError("-: output goes to a file, not to standard output; name the file with -o");
  std::error_code ignored;
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder, ignored))
    throw UsageError(file.string() + ": its folder " + file.parent_path().string() +
                     " does not exist; create it, or name another one with -o");
  const fs::file_status status = fs::status(file, ignored);
  if (!fs::exists(status)) return;
  if (fs::is_directory(status))
    throw UsageError(file.string() + ": is a folder; name a file with -o FILE");
  // A rename would replace the device or the pipe itself.
  if (!fs::is_regular_file(status))
    throw UsageError(file.string() +
                     ": is not a regular file, and cannot be replaced; name another one with -o");
  for (const fs::path& input : inputs)
    if (fs::equivalent(file, input, ignored))
      throw UsageError(file.string() + ": is the file that is read; name another one with -o");
  if (!force)
    throw UsageError(file.string() +
                     ": the file exists and is not overwritten; give --force, or another -o");
}

}  // namespace lensbench
