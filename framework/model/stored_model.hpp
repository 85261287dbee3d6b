#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>

namespace lensbench {

/// A model opened in its stored element type, so that nothing is converted, with facts from its
/// files.
struct StoredModel {
  std::shared_ptr<const Model> model;
  std::int64_t parameters = 0;  ///< a tied unembedding counts once; saved buffers do not count
  std::uint64_t weight_bytes = 0;
  std::map<std::string, std::int64_t> elements_by_dtype;  ///< `F32` -> elements
};

/// Description of a stored model from its configuration alone, without opening its weights.
/// \throws InputError as `Model::open` for the configuration
TransformerSpec read_stored_spec(const std::string& path_or_name);

/// \throws InputError as `Model::open`
StoredModel open_as_stored(const std::string& path_or_name);

}  // namespace lensbench
