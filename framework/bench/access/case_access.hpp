#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <map>
#include <string>

namespace lensbench {

/// What the bench does with a case, in addition to what experiments may do.
struct CaseAccess {
  /// The arguments must outlive the case.
  /// \param index       number of the case, from 0
  /// \param input       prompt and fields
  /// \param context     services of the bench
  /// \param parameters  parameters of the experiment
  /// \param pass        number of the pass, from 0
  /// \param earlier     results of the passes before; nullptr in the first pass
  static Case make(std::int64_t index, const CaseInput& input, Context& context,
                   const Parameters& parameters, std::int64_t pass = 0,
                   const Summary* earlier = nullptr);

  /// Datasets that were saved so far.
  static const std::map<std::string, Dataset>& saved(const Case& c);
};

}  // namespace lensbench
