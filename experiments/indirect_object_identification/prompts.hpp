#pragma once

#include <array>
#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tokens.hpp>
#include <string>
#include <vector>

namespace indirect_object_identification {

/// Orders of the first two names: that of the repeated name B after A, or before it.
inline constexpr std::array<const char*, 2> kOrders = {"ABBA", "BABA"};

/// Sentences with the slots {A} (once) and {B} (twice, the second time after both), and names for
/// them.
struct Form {
  std::vector<std::string> templates;  ///< with {A} before {B}
  std::vector<std::string> names;
  std::vector<std::int64_t> ids;  ///< token of each name
};

/// Reads the files of the parameters `templates` and `names`.
/// \param model       model of all prompts
/// \param parameters  parameters of the experiment
/// \throws InputError with file, line and remedy for a file that cannot be read, a template without
///   its slots, a name that is not one token in every slot, a prompt that is too long, or too few
///   different prompts
Form read_form(const lensbench::Model& model, const lensbench::Parameters& parameters);

/// One prompt: the model should go on with name A.
struct Prompt {
  std::int64_t template_index = 0;
  std::int64_t order = 0;             ///< index in `kOrders`
  std::int64_t a = 0, b = 0, c = 0;   ///< indices of names, all different
  lensbench::Tokens tokens;           ///< A, B, then B again
  lensbench::Tokens corrupted;        ///< A, B, then C
  std::int64_t a_id = 0, b_id = 0;    ///< tokens of the names
  std::array<std::int64_t, 3> names;  ///< positions of A, of the first B and of the second B
};

/// Different prompts, equally many of every template and order as far as the number allows, in a
/// random order within each; they take turns.
/// \param stream  stream of Philox
std::vector<Prompt> draw_prompts(const lensbench::Model& model, const Form& form,
                                 std::int64_t count, std::uint64_t seed, std::uint64_t stream);

}  // namespace indirect_object_identification
