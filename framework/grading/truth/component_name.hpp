#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lensbench::grading {

/// What a name of a component means: `L2H1`, `2_mlp_out`, `2_attn_out`, `L2N7`.
struct ComponentPlace {
  enum class Kind { head, mlp, attention, neuron };
  Kind kind = Kind::head;
  std::int64_t layer = 0;
  std::int64_t index = 0;  ///< number of the head or the neuron
};

/// Place that a name means; empty if it is not such a name.
std::optional<ComponentPlace> parse_component(std::string_view name);
/// The name that `parse_component` reads.
std::string component_name(const ComponentPlace& place);

}  // namespace lensbench::grading
