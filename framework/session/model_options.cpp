#include "session/model_options.hpp"

#include <ATen/Context.h>

#include <lensbench/error.hpp>
#include <map>

// Options for opening a model, from the texts of the command and of archives.

namespace lensbench {
namespace {

/// Types in which a model can be computed; weights of other types are converted.
const std::map<std::string, at::ScalarType>& dtypes() {
  static const std::map<std::string, at::ScalarType> types = {
      {"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};
  return types;
}

bool is_cuda_device(const std::string& device) {
  return device == "cuda" ||
         (device.starts_with("cuda:") && device.size() > 5 &&
          device.find_first_not_of("0123456789", 5) == std::string::npos && device.size() < 9);
}

}  // namespace

ModelOptions model_options(const std::string& dtype, const std::string& device) {
  const auto type = dtypes().find(dtype);
  if (type == dtypes().end())
    throw UsageError("dtype '" + dtype + "': expected float32, bfloat16 or float16");
  ModelOptions options;
  options.dtype = type->second;
  if (device != "cpu" && !is_cuda_device(device))
    throw UsageError("device '" + device + "': expected cpu or cuda:N");
  if (is_cuda_device(device) && !at::hasCUDA())
    throw UsageError("device '" + device +
                     "': this libtorch was built without CUDA, or the machine lacks a "
                     "GPU; use device cpu");
  options.device = at::Device(device);
  return options;
}

}  // namespace lensbench
