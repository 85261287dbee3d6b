#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/error.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/half_minutes.hpp"

namespace lensbench {

/// Long work in items whose results survive an interruption. They are kept every half minute, and
/// before an interruption.
class KeptProgress {
 public:
  /// Results by name. The tensors must outlive the progress.
  using Tensors = std::vector<std::pair<const char*, at::Tensor*>>;

  /// Takes up what was kept of the same work.
  /// \param tool     name for messages
  /// \param state    name of what is kept
  /// \param request  number of the work (`RequestNumber`); what another one kept is not taken up
  /// \param items    number of items
  KeptProgress(Context& context, std::string tool, std::string state, std::int64_t request,
               std::int64_t items, Tensors tensors)
      : context_(context),
        tool_(std::move(tool)),
        state_(std::move(state)),
        request_(request),
        items_(items),
        tensors_(std::move(tensors)) {
    const auto kept = context_.committed(state_);
    if (!kept || (*kept)["request"].tensor.item<std::int64_t>() != request_) return;
    for (const auto& [name, tensor] : tensors_) *tensor = (*kept)[name].tensor.clone();
    done_ = (*kept)["done"].tensor.item<std::int64_t>();
  }

  /// Finished items.
  std::int64_t done() const { return done_; }

  /// \throws RunError if the run is cancelled
  void stop_if_cancelled() {
    if (!context_.cancelled()) return;
    keep();
    throw RunError(tool_ + ": the run was interrupted; it goes on with --resume");
  }

  void finish_item() {
    context_.progress(++done_, items_);
    if (half_minutes_.passed()) keep();
  }

  void keep() const {
    if (done_ == 0) return;
    Dataset state;
    for (const auto& [name, tensor] : tensors_) {
      std::vector<std::string> dims;
      for (std::int64_t axis = 0; axis < tensor->dim(); ++axis)
        dims.push_back(std::string(name) + "_" + std::to_string(axis));
      // A copy, since a context without a run keeps the tensor itself.
      state.add(name, dims, tensor->clone(), "1", "result of finished items (NaN: not finished)");
    }
    state.add("request", {}, at::scalar_tensor(request_, at::kLong), "1", "number of the work");
    state.add("done", {}, at::scalar_tensor(done_, at::kLong), "1", "finished items");
    context_.commit(state_, state);
  }

 private:
  Context& context_;
  std::string tool_, state_;
  std::int64_t request_, items_;
  Tensors tensors_;
  std::int64_t done_ = 0;
  HalfMinutes half_minutes_;
};

}  // namespace lensbench
