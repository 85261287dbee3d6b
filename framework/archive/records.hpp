#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Progress of a case of a run; the numbers are those in `/units/status`.
enum class CaseStatus : std::int8_t { planned = 0, complete = 1, failed = 2 };

/// `planned`, `complete` or `failed`.
LENSBENCH_API std::string to_string(CaseStatus status);

/// One case as an archive has it: what was asked, and what became of it.
struct CaseRecord {
  std::string id;
  std::string text;
  std::int64_t n_tokens = 0;
  std::vector<std::int64_t> ids;  ///< empty if it could not be tokenized
  CaseStatus status = CaseStatus::planned;
  std::string error;
};

/// The worst value of one receipt over all cases, and where it was measured.
struct ReceiptRecord {
  Receipt receipt;
  std::string dataset;
  std::int64_t case_number = -1;  ///< -1: of no single case
};

}  // namespace lensbench
