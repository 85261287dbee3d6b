#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Whether a name, without the family's prefix, is that of a head that training put on a language
/// model (`score`, `v_head`, `classifier`, a pooler), which no logit depends on.
bool is_training_head(std::string_view name);

/// What put a foreign prefix before every name (`_orig_mod.`, `module.`, `base_model.model.`), and
/// how to save without it; empty if the names have none.
std::string foreign_prefix(const std::vector<std::string>& names);

/// Tensors that a checkpoint lacks under the names that its family gives them.
struct ExpectedTensors {
  std::vector<std::string> names;
  std::string prefix;  ///< prefix of the family, which a checkpoint may leave out
  /// A name without that prefix.
  std::string plain(const std::string& name) const;
};

/// What other programs put into the names of the missing tensors, and how to save without it: one
/// of the words above at any place, as in a model of which each block is compiled, or any beginning
/// (`student.`); empty if the names have neither.
/// \param names  stored tensors that the model does not use
std::string foreign_part(const std::vector<std::string>& names, const ExpectedTensors& missing);

/// A sentence with both numbers of layers if all tensors in `extra` belong to layers after the last
/// one of `taken`; otherwise empty.
std::string surplus_layers(const std::set<std::string>& taken,
                           const std::vector<std::string>& extra);

/// A sentence with both numbers of layers if all tensors in `missing` belong to layers after the
/// last one of `taken`; otherwise empty.
std::string absent_layers(const std::set<std::string>& taken,
                          const std::vector<std::string>& missing);

}  // namespace lensbench
