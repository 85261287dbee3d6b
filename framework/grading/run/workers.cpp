#include "grading/run/workers.hpp"

#include <filesystem>
#include <system_error>

#include "model/runtime/threads.hpp"

namespace lensbench::grading {

namespace fs = std::filesystem;

std::int64_t worker_count(const GradeRequest& request) {
  // An archive is read in a forked process, which must not begin while another thread writes one.
  for (const auto& [name, value] : request.set) {
    std::error_code not_a_path;
    if (fs::exists(value, not_a_path) || fs::exists(value.substr(0, value.find(':')), not_a_path))
      return 1;
  }
  if (request.workers > 0) return request.workers;
  return request.threads > 0 ? request.threads : default_threads();
}

}  // namespace lensbench::grading
