#include <lensbench/error.hpp>
#include <lensbench/request.hpp>
#include <utility>

namespace lensbench {

/// Everything that a tool may be asked with; most requests have tokens and parameters only.
struct Request::State {
  Tokens tokens;
  Parameters parameters;
  std::optional<Tokens> corrupted = std::nullopt, decoder = std::nullopt;
  std::optional<Target> target = std::nullopt;
  std::map<std::string, std::string> fields = {};
  std::vector<Picture> pictures = {};
  std::uint64_t seed = 0;
};

/// A pointer to the state keeps the layout of Request fixed: members can be added without breaking
/// plug-ins that were built before.
Request::Request(Tokens tokens, Parameters parameters)
    : state_(new State{std::move(tokens), std::move(parameters)}) {}

Request::~Request() = default;
/// Requests are values: a copy has its own state.
Request::Request(const Request& other) : state_(new State(*other.state_)) {}
Request::Request(Request&&) noexcept = default;
Request& Request::operator=(Request&&) noexcept = default;

Request& Request::operator=(const Request& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}

const Tokens& Request::tokens() const {
  return state_->tokens;
}

const Parameters& Request::parameters() const {
  return state_->parameters;
}

std::uint64_t Request::seed() const {
  return state_->seed;
}

bool Request::has_corrupted() const {
  return state_->corrupted.has_value();
}

/// \throws UsageError without a second prompt, since a tool that asks for it cannot answer
/// otherwise
const Tokens& Request::corrupted() const {
  if (!state_->corrupted)
    throw UsageError(
        "the question compares two prompts, but the second is missing; set parameter 'corrupted' "
        "or 'corrupted_ids', or give the case a field of that name");
  return *state_->corrupted;
}

const std::optional<Target>& Request::target() const {
  return state_->target;
}

std::optional<std::string> Request::field(const std::string& name) const {
  const auto found = state_->fields.find(name);
  return found == state_->fields.end() ? std::nullopt : std::optional(found->second);
}

const std::map<std::string, std::string>& Request::fields() const {
  return state_->fields;
}

const std::vector<Picture>& Request::pictures() const {
  return state_->pictures;
}

/// nullptr for models without a decoder of their own.
const Tokens* Request::decoder() const {
  return state_->decoder ? &*state_->decoder : nullptr;
}

/// Setters return the request, so that one can be built in a single expression.
Request& Request::set_tokens(Tokens tokens) {
  state_->tokens = std::move(tokens);
  return *this;
}

Request& Request::set_parameters(Parameters parameters) {
  state_->parameters = std::move(parameters);
  return *this;
}

Request& Request::set_corrupted(Tokens tokens) {
  state_->corrupted = std::move(tokens);
  return *this;
}

Request& Request::set_target(Target target) {
  state_->target = target;
  return *this;
}

Request& Request::set_seed(std::uint64_t seed) {
  state_->seed = seed;
  return *this;
}

Request& Request::set_fields(std::map<std::string, std::string> fields) {
  state_->fields = std::move(fields);
  return *this;
}

Request& Request::set_pictures(std::vector<Picture> pictures) {
  state_->pictures = std::move(pictures);
  return *this;
}

Request& Request::set_decoder(Tokens tokens) {
  state_->decoder = std::move(tokens);
  return *this;
}

}  // namespace lensbench
