#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <vector>

namespace lensbench {

/// A variable of an archive whose values remain in the file until they are read.
struct StoredVariable {
  Variable facts;  ///< the variable without numbers; a text variable is complete
  std::vector<std::int64_t> shape;
  at::ScalarType type = at::kByte;  ///< element type of `rows`
  /// Reads rows [first, first + count) of axis `index.size()`, at `index` of the axes before it, in
  /// the type that `ArchiveReader::read` gives; the single value of a scalar. Null for texts. The
  /// reader of the archive must still exist. \throws InputError for damaged content
  std::function<at::Tensor(const std::vector<std::int64_t>& index, std::int64_t first,
                           std::int64_t count)>
      rows;
};

/// A dataset of an archive for a single pass over its values, with only its texts in memory.
struct StoredDataset {
  std::vector<StoredVariable> variables;
  std::map<std::string, Attribute> attributes;
  std::vector<Receipt> receipts;

  /// The variable of a name. \throws UsageError with the names of all variables if it is missing
  const StoredVariable& operator[](const std::string& name) const;
};

}  // namespace lensbench
