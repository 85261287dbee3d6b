#include "grading/truth/component_name.hpp"

#include <charconv>

namespace lensbench::grading {
namespace {

/// Removes a number from the start of a text; empty if there is none or it is written in another
/// way than `std::to_string` does.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || number < 0 || std::to_string(number) != text.substr(0, length))
    return std::nullopt;
  text.remove_prefix(length);
  return number;
}

/// `L2H1` or `L2N7` after the first letter.
std::optional<ComponentPlace> indexed(std::string_view text) {
  const auto layer = take_number(text);
  if (!layer || text.empty() || (text[0] != 'H' && text[0] != 'N')) return std::nullopt;
  const auto kind = text[0] == 'H' ? ComponentPlace::Kind::head : ComponentPlace::Kind::neuron;
  text.remove_prefix(1);
  const auto index = take_number(text);
  if (!index || !text.empty()) return std::nullopt;
  return ComponentPlace{kind, *layer, *index};
}

}  // namespace

std::optional<ComponentPlace> parse_component(std::string_view name) {
  if (name.starts_with('L')) return indexed(name.substr(1));
  const auto layer = take_number(name);
  if (!layer) return std::nullopt;
  if (name == "_mlp_out") return ComponentPlace{ComponentPlace::Kind::mlp, *layer, 0};
  if (name == "_attn_out") return ComponentPlace{ComponentPlace::Kind::attention, *layer, 0};
  return std::nullopt;
}

std::string component_name(const ComponentPlace& place) {
  const std::string layer = std::to_string(place.layer);
  switch (place.kind) {
    case ComponentPlace::Kind::mlp:
      return layer + "_mlp_out";
    case ComponentPlace::Kind::attention:
      return layer + "_attn_out";
    case ComponentPlace::Kind::neuron:
      return "L" + layer + "N" + std::to_string(place.index);
    case ComponentPlace::Kind::head:
      break;
  }
  return "L" + layer + "H" + std::to_string(place.index);
}

}  // namespace lensbench::grading
