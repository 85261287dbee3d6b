#pragma once

#include <ATen/core/Tensor.h>

namespace lensbench {

/// A stored tensor in another element type. A copy is made by all threads, in parts, in large pages
/// where the system has them: a copy of gigabytes takes longer to get its pages than to be written.
/// \return the tensor itself if it has the type and is on the device
at::Tensor converted(const at::Tensor& stored, at::Device device, at::ScalarType dtype);

}  // namespace lensbench
