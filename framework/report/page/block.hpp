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
/// then the second ones, and so on. Of the form `plain`, `data` is the values themselves.
struct Block {
  nlohmann::json head;
  std::string data;

  /// Bytes that the block adds to a page, about.
  std::size_t size() const;
};

/// Form of the data of a block.
enum class Form {
  packed,  ///< text that a document can hold
  plain,   ///< bytes for an answer of a server on the same machine, where packing takes longest
};

/// Precision of the floats of a block.
enum class Precision {
  exact,   ///< the bits of the archive
  bits16,  ///< 65534 steps: relative for positive values, else absolute
  bits8,   ///< 254 steps of the same kind
};

/// Texts, each ended by byte 0.
Block text_block(const std::vector<std::string>& texts, Form form = Form::packed);

/// Numbers of any element type of an archive, in C order. Integers are exact, in the narrowest type
/// that holds them, unless they get 8 bits; more than 1,000 values of float64 are rounded to
/// float32.
Block number_block(const at::Tensor& values, Precision precision = Precision::exact,
                   Form form = Form::packed);

/// Token ids [layer, ...] as changes along the first axis: 0 where the id equals that of the layer
/// before, else id + 1.
Block id_block(const at::Tensor& ids, Form form = Form::packed);

}  // namespace lensbench::page
