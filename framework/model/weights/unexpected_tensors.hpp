#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Whether a name, without the family's prefix, is that of a head that training put on a language
/// model (`score`, `v_head`, `classifier`, a pooler), which no logit depends on.
bool is_training_head(std::string_view name);

/// What put a foreign prefix before every name (`_orig_mod.`, `module.`, `base_model.model.`) or
/// before the names within blocks (`layers.0._orig_mod.`), and how to save without it; empty if the
/// names have none.
std::string foreign_prefix(const std::vector<std::string>& names);

/// A sentence with the prefix (`student.`) under which most of the missing tensors are stored;
/// otherwise empty.
/// \param optional  prefix that the names of this model may lack
std::string unknown_prefix(const std::vector<std::string>& names,
                           const std::vector<std::string>& missing, std::string_view optional);

/// A sentence with both numbers of layers if all tensors in `extra` belong to layers after the last
/// one of `taken`; otherwise empty.
std::string surplus_layers(const std::set<std::string>& taken,
                           const std::vector<std::string>& extra);

/// A sentence with both numbers of layers if all tensors in `missing` belong to layers after the
/// last one of `taken`; otherwise empty.
std::string absent_layers(const std::set<std::string>& taken,
                          const std::vector<std::string>& missing);

}  // namespace lensbench
