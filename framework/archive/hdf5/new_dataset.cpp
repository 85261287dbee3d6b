#include "archive/hdf5/new_dataset.hpp"

#include <hdf5_hl.h>

#include <algorithm>

#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/group_writer.hpp"

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::written;

constexpr std::int64_t kChunkBytes = 1 << 20;
// Large floating-point data is stored uncompressed: compression makes float32 logits and
// activations smaller by a quarter, at a tenth of the speed.
constexpr std::int64_t kLargeFloatBytes = 8 << 20;

/// Shape of a chunk of up to a megabyte, which has as many trailing axes as possible in full
/// length.
std::vector<hsize_t> chunk_shape(const std::vector<hsize_t>& shape, std::int64_t element_bytes) {
  std::vector<hsize_t> chunk(shape.size(), 1);
  auto left = static_cast<hsize_t>(std::max<std::int64_t>(1, kChunkBytes / element_bytes));
  for (std::size_t axis = shape.size(); axis-- > 0 && left > 0;) {
    chunk[axis] = std::max<hsize_t>(1, std::min(shape[axis], left));
    left /= chunk[axis];
  }
  return chunk;
}

/// Properties of a dataset that is stored in chunks with a checksum each, if `shape` has elements;
/// otherwise it is stored in one piece.
Handle creation_properties(const std::vector<hsize_t>& shape, std::int64_t element_bytes,
                           bool compress) {
  Handle properties(written(H5Pcreate(H5P_DATASET_CREATE), "dataset properties"), H5Pclose);
  written(H5Pset_obj_track_times(properties, false), "dataset properties");
  written(H5Pset_attr_phase_change(properties, 60000, 0), "dataset properties");
  const bool empty = std::find(shape.begin(), shape.end(), hsize_t{0}) != shape.end();
  if (shape.empty() || empty) return properties;  // HDF5 does not chunk scalars and empty datasets
  const auto chunk = chunk_shape(shape, element_bytes);
  written(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), "chunk shape");
  if (compress) {
    written(H5Pset_shuffle(properties), "shuffle filter");
    written(H5Pset_deflate(properties, 1), "deflate filter");
  }
  written(H5Pset_fletcher32(properties), "checksum filter");
  return properties;
}

Handle create_dataset(hid_t group, const std::string& name, hid_t type,
                      const std::vector<hsize_t>& shape, const Handle& properties) {
  const std::string what = "dataset '" + name + "'";
  const Handle space = space_of(shape, what);
  return Handle(
      written(H5Dcreate2(group, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
              what),
      H5Dclose);
}

}  // namespace

hid_t file_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return H5T_IEEE_F32LE;
    case at::kDouble:
      return H5T_IEEE_F64LE;
    case at::kByte:
      return H5T_STD_U8LE;
    case at::kInt:
      return H5T_STD_I32LE;
    case at::kLong:
      return H5T_STD_I64LE;
    default:  // int8 and bool; Dataset::add refuses all other types
      return H5T_STD_I8LE;
  }
}

Handle space_of(const std::vector<hsize_t>& shape, const std::string& what) {
  return Handle(
      shape.empty()
          ? written(H5Screate(H5S_SCALAR), what)
          : written(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), what),
      H5Sclose);
}

Handle create_strings(hid_t group, const std::string& name, const std::vector<hsize_t>& shape) {
  // libhdf5 does not filter variable-length data, so it is without a checksum here; the content
  // digests cover it.
  return create_dataset(group, name, hdf5::string_type(), shape, creation_properties({}, 1, false));
}

Handle create_numbers(hid_t group, const Variable& variable, at::ScalarType type,
                      const std::vector<hsize_t>& shape) {
  auto bytes = static_cast<std::int64_t>(c10::elementSize(type));
  for (const hsize_t length : shape) bytes *= static_cast<std::int64_t>(length);
  // Values widened from a half type compress well, because their low bits are 0.
  const bool full_width = at::isFloatingType(type) && !variable.attributes.contains("source_dtype");
  const bool compress = !(full_width && bytes >= kLargeFloatBytes);
  const auto element_bytes = static_cast<std::int64_t>(c10::elementSize(type));
  return create_dataset(group, variable.name, file_type(type), shape,
                        creation_properties(shape, element_bytes, compress));
}

Handle write_bare_dimension(hid_t group, const std::string& name, std::int64_t length) {
  const std::string label = bare_dimension_label(length);
  Handle dataset = create_dataset(group, name, H5T_IEEE_F32LE, {static_cast<hsize_t>(length)},
                                  creation_properties({}, 4, false));
  written(H5DSset_scale(dataset, label.c_str()), "dimension '" + name + "'");
  return dataset;
}

std::int64_t chunk_rows(const std::vector<std::int64_t>& shape, std::int64_t axis,
                        std::int64_t element_bytes) {
  const std::vector<hsize_t> lengths(shape.begin(), shape.end());
  return static_cast<std::int64_t>(
      chunk_shape(lengths, element_bytes)[static_cast<std::size_t>(axis)]);
}

}  // namespace lensbench
