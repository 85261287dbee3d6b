#include "model/runtime/libtorch_facts.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

namespace lensbench {
namespace {

/// Rest of the line of `text` that contains `label`; empty if none does.
std::string after(const std::string& text, const std::string& label) {
  const auto found = text.find(label);
  if (found == std::string::npos) return "";
  const auto begin = found + label.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

/// What decides, apart from the code, which bits a product has: recorded in the environment.
LibtorchFacts libtorch_facts() {
  LibtorchFacts facts;
  facts.version = TORCH_VERSION;
  // Only version 2 has a function for it; this line of the report exists in all versions.
  facts.cpu_capability = after(at::show_config(), "CPU capability usage: ");
  facts.mkldnn = at::globalContext().userEnabledMkldnn() ? at::get_mkldnn_version() : "not in use";
  facts.openmp = after(at::get_openmp_version(), "a.k.a. ");
  if (facts.openmp.ends_with(')')) facts.openmp.pop_back();
  facts.interop_threads = static_cast<int>(at::get_num_interop_threads());
  return facts;
}

}  // namespace lensbench
