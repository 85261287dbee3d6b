#include "bench/run/case_source.hpp"

#include <utility>

namespace lensbench {

CaseSource::~CaseSource() = default;

/// A process that is alone gets the cases of a pass at once.
CaseGroups AllCases::next(std::int64_t pass) {
  return std::exchange(given_, pass) == pass ? CaseGroups() : groups_;
}

}  // namespace lensbench
