#include <lensbench/target.hpp>

namespace lensbench {

/// The two words first: a token with such a text needs its id.
Target parse_target(const Model& model, std::string_view text) {
  if (text == "next") return Target::next();
  if (text == "model") return Target::model();
  const auto tokenizer = model.tokenizer();
  return Target::token(parse_token(tokenizer.get(), text, model.spec().vocab_size));
}

std::string to_string(const Target& target) {
  switch (target.kind) {
    case Target::Kind::next:
      return "next";
    case Target::Kind::model:
      return "model";
    case Target::Kind::token:
      return std::to_string(target.id);
  }
  return "";
}

}  // namespace lensbench
