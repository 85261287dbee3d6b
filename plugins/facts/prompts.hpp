#pragma once

#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "plan.hpp"

namespace lensbench::facts {

/// Makes the prompts and continuations of a plan, each once.
class PromptBook {
 public:
  /// \param prompts  receives the prompts
  /// \param blank    join prompt and continuation by a blank
  PromptBook(const Model& model, std::vector<Prompt>& prompts, bool blank)
      : model_(model), prompts_(prompts), blank_(blank) {}

  /// Index of the prompt of a template and a subject. \throws what `named.refuse` does
  std::size_t prompt(const std::string& pattern, const std::string& subject,
                     const NamedFact& named);
  /// Cell of a text after a prompt.
  Cell cell(std::size_t prompt, const std::string& text, const NamedFact& named);

 private:
  const Model& model_;
  std::vector<Prompt>& prompts_;
  bool blank_;
  std::map<std::string, std::size_t> prompt_of_;
  std::map<std::pair<std::size_t, std::string>, std::size_t> continuation_of_;
};

}  // namespace lensbench::facts
