#include "archive/run/committed_results.hpp"

#include <lensbench/error.hpp>
#include <utility>

#include "archive/run/frame.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"
#include "archive/run/unit.hpp"
#include "core/dataset/join_cases.hpp"

// Results of a run that has not been sealed, for `show NAME.run`. The folder is only read and not
// locked, so that the run may continue; frames that are appended meanwhile are simply not seen.

namespace lensbench {

CommittedResults::CommittedResults(std::filesystem::path folder) : folder_(std::move(folder)) {
  if (!has_plan(folder_ / "plan"))
    throw InputError(folder_.string() +
                     ": not the folder of an interrupted run, or of an earlier version of "
                     "lensbench (plan/READY is missing)");
  const std::size_t planned = planned_cases(folder_ / "plan");
  for (std::size_t i = 0; i < planned; ++i) {
    cases_.emplace_back();
    cases_.back().id = planned_case(folder_ / "plan", i).value("id", "");
  }
  // Packs come before parts, as in a resume, since the first complete frame of a case counts.
  for (const auto& file : frame_files(folder_))
    scan_frames(file, [&](const FrameHead& head, std::uint64_t offset, const Bytes& bytes) {
      // A frame with an index beyond the plan cannot be attributed to a case.
      if (head.index < 0 || head.index >= std::ssize(cases_)) return;
      CaseRecord& one = cases_[static_cast<std::size_t>(head.index)];
      const Unit unit(bytes.bytes, bytes.owner, file.string());
      if (unit.failed()) {
        // A complete frame counts more than a failure, whichever comes first.
        if (one.status == CaseStatus::planned) one.status = CaseStatus::failed;
        return;
      }
      one.status = CaseStatus::complete;
      // The first complete frame of a case counts, as it does when the run is resumed.
      for (const std::string& name : unit.names())
        places_[name].try_emplace(head.index, Place{file, offset, head.bytes});
    });
}

std::vector<std::string> CommittedResults::names() const {
  std::vector<std::string> names;
  for (const auto& [name, places] : places_) names.push_back(name);
  return names;
}

/// Units are read again from their files: the memory used is that of the asked cases alone.
Dataset CommittedResults::read(const std::string& name,
                               const std::vector<std::int64_t>& cases) const {
  const auto& places = places_.at(name);
  std::vector<Dataset> parts;
  std::vector<std::int64_t> numbers;
  std::vector<std::string> ids;
  for (const std::int64_t number : cases) {
    const auto place = places.find(number);
    if (place == places.end()) continue;
    const auto& [file, offset, size] = place->second;
    const Bytes bytes = read_bytes(open_for_reading(file), offset, size, file);
    parts.push_back(Unit(bytes.bytes, bytes.owner, file.string()).read(name));
    numbers.push_back(number);
    ids.push_back(cases_[static_cast<std::size_t>(number)].id);
  }
  return parts.empty() ? Dataset() : join_cases(parts, numbers, ids);
}

}  // namespace lensbench
