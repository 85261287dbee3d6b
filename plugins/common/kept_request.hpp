#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/context.hpp>
#include <string>

#include "common/request_number.hpp"

// A case can train several times: a kept state is taken up by an equal request alone.

namespace lensbench {

/// Mixes in a text to learn from: the name of its file, and the content, which may change.
inline void mix_text(RequestNumber& number, const Context& context, const std::string& text) {
  number.mix_all(std::filesystem::path(text).filename().string());
  if (std::filesystem::exists(text)) number.mix_all(context.file_digest(text));
}

/// Writes the number of the request to a state.
inline void add_request(Dataset& state, const RequestNumber& number) {
  state.add("request", {}, at::scalar_tensor(number.value(), at::kLong), "1",
            "number of the request");
}

/// Whether a state is of this request.
inline bool is_of_request(const Dataset& state, const RequestNumber& number) {
  return state.contains("request") &&
         state["request"].tensor.item<std::int64_t>() == number.value();
}

}  // namespace lensbench
