#include <algorithm>
#include <iterator>
#include <lensbench/error.hpp>
#include <lensbench/tool.hpp>
#include <set>

namespace lensbench {

Context::Context(std::shared_ptr<const Model> model, std::uint64_t seed, bool share)
    : model_(std::move(model)), seed_(seed), share_(share) {}

Context::~Context() = default;

std::map<std::string, at::Tensor> Context::activations(const Tokens& tokens,
                                                       const std::vector<std::string>& globs) {
  std::set<std::string> wanted;
  for (const auto& glob : globs)
    for (const auto& point : match_hook_points(model_->spec(), glob)) wanted.insert(point.name);

  if (!share_ || held_ids_ != tokens.ids) {
    held_.clear();
    held_ids_ = tokens.ids;
  }
  std::vector<std::string> missing;
  std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(missing),
               [&](const std::string& name) { return !held_.contains(name); });
  if (!missing.empty()) {
    const bool reads_head = std::any_of(missing.begin(), missing.end(), [](const auto& name) {
      return name.starts_with("ln_final.") || name.starts_with("unembed.");
    });
    ForwardOptions options;
    // The unembedding is the dearest step of a small model: it runs only for those who read it.
    options.logits = reads_head ? ForwardOptions::Logits::all : ForwardOptions::Logits::none;
    held_.merge(run_with_cache(*model_, make_batch(tokens), missing, options));
    ++forwards_;
  }
  std::map<std::string, at::Tensor> activations;
  for (const auto& name : wanted) activations[name] = held_.at(name);
  if (!share_) held_.clear();
  return activations;
}

Tool::~Tool() = default;

void Tool::check_compatible(const Model&) const {}

void Tool::attach(Context& context) {
  context_ = &context;
}

Context& Tool::context() const {
  if (context_ == nullptr) throw RunError("a tool was used before the bench attached it");
  return *context_;
}

}  // namespace lensbench
