#include <lensbench/error.hpp>
#include <lensbench/tool.hpp>

#include "bench/shared_forwards.hpp"

namespace lensbench {

Context::Context(std::shared_ptr<const Model> model, std::uint64_t seed, bool share)
    : model_(std::move(model)),
      seed_(seed),
      forwards_(std::make_unique<SharedForwards>(model_, share)) {}

Context::~Context() = default;

std::map<std::string, at::Tensor> Context::activations(const Tokens& tokens,
                                                       const std::vector<std::string>& globs) {
  return forwards_->activations(tokens, globs);
}

void Context::expect(const std::vector<std::string>& globs) {
  forwards_->expect(globs);
}

std::int64_t Context::forwards() const {
  return forwards_->forwards();
}

std::int64_t Context::shared() const {
  return forwards_->shared();
}

void Context::begin_case() {
  forwards_->begin_case();
}

Tool::~Tool() = default;

void Tool::check_compatible(const Model&) const {}

std::vector<std::string> Tool::usual_hooks(const TransformerSpec&) const {
  return {};
}

void Tool::attach(Context& context) {
  context_ = &context;
}

Context& Tool::context() const {
  if (context_ == nullptr) throw RunError("tool: it was used before the bench attached it");
  return *context_;
}

}  // namespace lensbench
