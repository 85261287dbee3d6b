#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <map>
#include <string>
#include <vector>

namespace lensbench {

/// A variable of an archive whose values stay in the file until they are asked for.
struct StoredVariable {
  Variable facts;  ///< all but its values; of texts those too
  std::vector<std::int64_t> shape;
  at::ScalarType type = at::kByte;  ///< of what `rows` gives
  /// Rows [first, first + count) of axis `index.size()`, at `index` of the axes before it, in the
  /// type that `ArchiveReader::read` gives; the one value where there is no axis. Empty for texts.
  /// The archive's reader must live. \throws InputError for damaged content
  std::function<at::Tensor(const std::vector<std::int64_t>& index, std::int64_t first,
                           std::int64_t count)>
      rows;
};

/// A dataset of an archive, for those who pass over it once: it takes memory for its texts alone.
struct LENSBENCH_API StoredDataset {
  std::vector<StoredVariable> variables;
  std::map<std::string, Attribute> attributes;
  std::vector<Receipt> receipts;

  /// \throws UsageError naming the variables there are
  const StoredVariable& operator[](const std::string& name) const;
};

}  // namespace lensbench
