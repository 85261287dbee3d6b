#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/request.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench::vision_lens {

/// A token of a picture in its prompt.
struct ImageToken {
  std::int64_t position = 0;  ///< in the prompt
  std::int64_t image = 0;     ///< number of the picture in the prompt
  std::int64_t row = 0, column = 0;
  std::int64_t number = 0;  ///< among the tokens of all pictures of the prompt
};

/// Every n-th token of each picture, in the order of the prompt.
/// \throws UsageError for a prompt without pictures, or with a video
std::vector<ImageToken> image_tokens(const VisionSpec& spec, const Tokens& tokens,
                                     std::int64_t every);

/// Positions in the prompt, [token] int64.
at::Tensor positions_of(const std::vector<ImageToken>& tokens);

/// Numbers among the tokens of all pictures of the prompt, [token] int64.
at::Tensor numbers_of(const std::vector<ImageToken>& tokens);

/// Adds the axis `image_token` with its coordinates; rectangles where the sizes of all pictures are
/// known.
void add_image_token_axis(Dataset& dataset, const std::vector<ImageToken>& image_tokens,
                          const VisionSpec& spec, const Tokens& tokens,
                          const std::vector<Picture>& pictures);

}  // namespace lensbench::vision_lens
