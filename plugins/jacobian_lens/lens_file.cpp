#include "lens_file.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <lensbench/error.hpp>
#include <lensbench/tensor_file.hpp>

namespace lensbench::jacobian {
namespace {

constexpr const char* kPrefix = "J.";

[[noreturn]] void fail(const std::string& file, const std::string& fault) {
  throw InputError("jacobian_lens: " + file + ": " + fault);
}

bool is_pickle(const std::string& name) {
  return name.ends_with(".pt") || name.ends_with(".pkl") || name.ends_with(".bin") ||
         name.ends_with(".pth");
}

/// A lens of other programs after its conversion: `J.0`, `J.1`, … by the block whose output they
/// take. Blocks without a matrix are not fitted.
void read_matrices(const Model& model, const TensorFile& file, Jacobians& jacobians) {
  const TransformerSpec& spec = model.spec();
  std::int64_t found = 0;
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    const std::string name = kPrefix + std::to_string(block);
    if (!file.contains(name)) continue;
    jacobians.matrices[block].copy_(file.read(name, {spec.d_model, spec.d_model}));
    jacobians.fitted[block] = 1;
    ++found;
  }
  if (found != std::ssize(file.names()) || found == 0)
    fail(file.source(), "expected matrices J.0 to J." + std::to_string(spec.n_layers - 1) +
                            " and nothing else, found " + std::to_string(file.names().size()) +
                            " tensors, " + std::to_string(found) +
                            " of them such; give a lens of this model");
}

void read_result(const Model& model, const TensorFile& file, StoredLens& lens) {
  const TransformerSpec& spec = model.spec();
  lens.jacobians.matrices =
      file.read("jacobian", {spec.n_layers, spec.d_model, spec.d_model}).to(at::kFloat);
  lens.jacobians.fitted = file.read("fitted", {spec.n_layers}).to(at::kChar);
  if (!lens.jacobians.matrices.isfinite().all().item<bool>())
    fail(file.source(), "a Jacobian has a number that is not finite; fit the lens again");
  const auto attribute = [&](const char* name) {
    const auto found = file.metadata().find(name);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  lens.base = attribute("base");
  lens.base_sha256 = attribute("base_sha256");
}

}  // namespace

StoredLens read_lens(const Model& model, const std::string& source) {
  if (is_pickle(source))
    fail(source,
         "is not a safetensors file; published lenses are pickles, which lensbench never opens: "
         "convert one with payload = torch.load(FILE, map_location='cpu', weights_only=True) and "
         "safetensors.torch.save_file({f'J.{l}': J.float().contiguous() for l, J in "
         "payload['J'].items()}, 'lens.safetensors')");
  StoredLens lens;
  lens.jacobians = Jacobians::identity(model.spec());
  const TensorFile file(source);
  if (file.contains("jacobian"))
    read_result(model, file, lens);
  else
    read_matrices(model, file, lens.jacobians);
  return lens;
}

}  // namespace lensbench::jacobian
