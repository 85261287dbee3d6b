#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// A picture of a request: a file of the plan.
struct Picture {
  std::string path;         ///< file as given
  std::string sha256;       ///< SHA-256 of the file's bytes, lower-case hexadecimal
  std::int64_t width = 0;   ///< pixels from left to right, upright; 0: not known
  std::int64_t height = 0;  ///< pixels from top to bottom, upright; 0: not known
};

/// Question to a tool: a sequence, and what else the case and its parameters say. Copies are cheap
/// and independent.
class LENSBENCH_API Request {
 public:
  /// \param tokens      sequence to analyse
  /// \param parameters  values for the parameters that the tool declares, from `Tool::parameters`
  explicit Request(Tokens tokens, Parameters parameters = {});
  ~Request();
  /// Copies the question.
  Request(const Request& other);
  /// Copies the question.
  Request& operator=(const Request& other);
  /// Moves the question.
  Request(Request&& other) noexcept;
  /// Moves the question.
  Request& operator=(Request&& other) noexcept;

  const Tokens& tokens() const;          ///< sequence to analyse
  const Parameters& parameters() const;  ///< values for the declared parameters of the tool
  std::uint64_t seed() const;            ///< seed of the run; derive streams with `Philox`

  /// Whether there is a second sequence.
  bool has_corrupted() const;
  /// Second sequence of a question that compares two: the case's field `corrupted` or
  /// `corrupted_ids`, else the parameter of that name.
  /// \throws UsageError if there is none
  const Tokens& corrupted() const;

  /// Target of the case: its field `target`, else the parameter `target`; empty if neither is set.
  const std::optional<Target>& target() const;
  /// Another field of the case's JSONL line; empty if the line does not have it.
  std::optional<std::string> field(const std::string& name) const;
  const std::map<std::string, std::string>& fields() const;  ///< all other fields of the case

  /// Pictures of the case, in order; empty for a case of text alone.
  const std::vector<Picture>& pictures() const;
  /// Sequence of the decoder of an encoder-decoder model; nullptr if there is none. Reserved:
  /// nullptr in this version.
  const Tokens* decoder() const;

  Request& set_tokens(Tokens tokens);              ///< replaces the sequence
  Request& set_parameters(Parameters parameters);  ///< replaces the parameters
  Request& set_corrupted(Tokens tokens);           ///< sets the second sequence
  Request& set_target(Target target);              ///< sets the target
  Request& set_seed(std::uint64_t seed);           ///< sets the seed
  /// Sets the other fields of the case.
  Request& set_fields(std::map<std::string, std::string> fields);
  Request& set_pictures(std::vector<Picture> pictures);  ///< sets the pictures
  Request& set_decoder(Tokens tokens);                   ///< sets the decoder's sequence

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
