#include "archive/joint/shared_progress.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "archive/run/frame.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// Host and part of the name of a writer, `HOST.PART.RANDOM`.
std::pair<std::string, std::string> host_and_part(const std::string& writer) {
  const auto first = writer.find('.'), last = writer.rfind('.');
  if (first == std::string::npos || last == first) return {writer, ""};
  return {writer.substr(0, first), writer.substr(first + 1, last - first - 1)};
}

std::optional<fs::file_time_type> time_of(const fs::path& file) {
  std::error_code error;
  const auto time = fs::last_write_time(file, error);
  return error ? std::nullopt : std::optional(time);
}

double seconds_between(fs::file_time_type first, fs::file_time_type last) {
  return std::max(0.0, std::chrono::duration<double>(last - first).count());
}

}  // namespace

/// Each part keeps its name in the folder of its writer, also when it is a pack.
SharedProgress shared_progress(const fs::path& run) {
  SharedProgress progress;
  const std::size_t passes = planned_request(run / "plan").value("passes", std::size_t{1});
  progress.planned = planned_cases(run / "plan") * passes;
  progress.units = count_units(run);
  // The first process that computes keeps its environment.
  const auto begin = time_of(run / "environment.json");
  std::map<std::string, SeenWriter> writers;
  for (const fs::path& part : part_files(run)) {
    const std::string name = part.parent_path().filename().string();
    SeenWriter& writer = writers[name];
    std::tie(writer.host, writer.part) = host_and_part(name);
    scan_heads(part, [&](const FrameHead&) { ++writer.units; });
    if (const auto time = time_of(part); time && begin)
      writer.last_seconds = std::max(writer.last_seconds, seconds_between(*begin, *time));
    progress.seconds = std::max(progress.seconds, writer.last_seconds);
  }
  for (auto& [name, writer] : writers) progress.writers.push_back(std::move(writer));
  return progress;
}

}  // namespace lensbench
