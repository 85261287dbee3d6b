#pragma once

#include <functional>
#include <lensbench/model.hpp>
#include <memory>

namespace lensbench {

/// A model with the bits of another one, whose forwards ask at their begin and after each block
/// whether to stop, so that a long forward of a large model can be cancelled. The forward then
/// throws RunError.
/// \param should_stop  may be called from several threads
std::shared_ptr<const Model> with_stop(std::shared_ptr<const Model> model,
                                       std::function<bool()> should_stop);

}  // namespace lensbench
