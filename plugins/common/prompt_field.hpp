#pragma once

#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::tracing {

/// Token ids of a JSON value. \throws InputError for anything but a list of numbers
inline std::vector<std::int64_t> ids_of_value(const nlohmann::json& value, const std::string& name,
                                              const std::string& where) {
  const auto fail = [&] {
    throw InputError(where + ": field " + name + ": expected a list of token ids");
  };
  if (!value.is_array() || value.empty()) fail();
  std::vector<std::int64_t> ids;
  for (const nlohmann::json& id : value) {
    if (!id.is_number_integer()) fail();
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

/// Prompt of a line of a JSONL file: a text in the field NAME, or token ids in NAME_ids.
/// \param where  file and number of the line, for messages
/// \throws InputError for both or none of the fields, another type, a text without tokens, an id
///   outside of the vocabulary
inline Tokens prompt_of_line(const Model& model, const nlohmann::json& object,
                             const std::string& name, const std::string& where) {
  const auto text = object.find(name), ids = object.find(name + "_ids");
  const bool has_text = text != object.end(), has_ids = ids != object.end();
  if (has_text == has_ids)
    throw InputError(where + ": expected exactly one of the fields " + name + " and " + name +
                     "_ids");
  try {
    if (has_ids) return tokens_from_ids(model, ids_of_value(*ids, name + "_ids", where));
    if (!text->is_string()) throw InputError(where + ": field " + name + ": expected a text");
    if (text->get_ref<const std::string&>().empty())
      throw InputError(where + ": field " + name +
                       ": the prompt is empty; give at least one token");
    return to_tokens(model, text->get_ref<const std::string&>());
  } catch (const UsageError& error) {
    throw InputError(where + ": " + error.what());
  }
}

}  // namespace lensbench::tracing
