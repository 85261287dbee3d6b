#pragma once

#include <cstdint>
#include <exception>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lensbench {

/// Tokens of prompts by their text. The ids are kept, so that the tokenizer reads each text once:
/// the plan of a run, its cases in each pass and its reference prompts need them.
class PromptTokens {
 public:
  explicit PromptTokens(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

  /// Tokens of a text. \throws as `to_tokens`, for an equal text with an equal error
  Tokens of(const std::string& text);

 private:
  /// What the tokenizer gave for a text.
  struct Result {
    std::vector<std::int32_t> ids;
    bool bos_added = false;
    std::exception_ptr error = nullptr;
  };

  Tokens tokenized(const std::string& text);

  std::shared_ptr<const Model> model_;
  std::unordered_map<std::string, Result> results_;
};

}  // namespace lensbench
