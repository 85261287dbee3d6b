#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "model/hooks/sequence_place.hpp"
#include "vision_samples.hpp"

namespace lensbench::testing {

/// Number of each row of an activation of a tower among the patches or tokens of the prompt.
inline at::Tensor numbers_of(const HookPoint& point) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(place_of(point).parts.size());
  for (const PicturePart& part : place_of(point).parts) numbers.push_back(part.number);
  return at::tensor(numbers, at::kLong);
}

/// A checkpoint with a tower, by its folder, and a prompt with two pictures.
class TowerTest : public ::testing::TestWithParam<std::string> {
 protected:
  VisionSample sample{GetParam(), "two_pictures"};
  std::shared_ptr<const Model> model = Model::open(sample.directory().string());
  const VisionSpec& spec = *model->spec().vision;
  Tokens tokens = sample.tokens(spec);
  TokenBatch batch = make_batch(tokens);
};

}  // namespace lensbench::testing
