#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lensbench::page {

/// Values of one array of the page.
///
/// `head` is the JSON by which the index refers to it: type, count, encoding, scale. `data` is what
/// the document holds: base64 of raw deflate of little-endian values; empty for few values, which
/// the head has itself. Values of `shuffled` bytes are stored as the first bytes of all of them,
/// then the second ones, and so on.
struct Block {
  nlohmann::json head;
  std::string data;

  /// Bytes that the block adds to a page, about.
  std::size_t size() const;
};

/// Precision of the floats of a block.
enum class Precision {
  exact,   ///< the bits of the archive
  bits16,  ///< 65534 steps: relative for positive values, else absolute
  bits8,   ///< 254 steps of the same kind
};

/// Texts, each ended by byte 0.
Block text_block(const std::vector<std::string>& texts);

/// Numbers of any element type of an archive, in C order. Integers are exact, in the narrowest type
/// that holds them, unless they get 8 bits; more than 1,000 values of float64 are rounded to
/// float32.
Block number_block(const at::Tensor& values, Precision precision = Precision::exact);

/// Token ids [layer, ...] as changes along the first axis: 0 where the id equals that of the layer
/// before, else id + 1.
Block id_block(const at::Tensor& ids);

}  // namespace lensbench::page
