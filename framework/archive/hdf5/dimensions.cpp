#include <hdf5_hl.h>

#include <cstdio>
#include <cstring>
#include <lensbench/error.hpp>

#include "archive/hdf5/dataset_io.hpp"

// Axes of the datasets of an archive: their lengths, and their names by dimension scales.

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::readable;

constexpr int kMaxRank = static_cast<int>(kMaxAxes);

/// Checks that the label of a dimension scale is the one that the writer gives it: digests do not
/// cover the label.
void check_scale(hid_t dataset, const std::string& path, const std::vector<hsize_t>& lengths) {
  char label[128] = {};
  readable(static_cast<hid_t>(H5DSget_scale_name(dataset, label, sizeof label)), path);
  const std::string name = last_component(path);
  if (lengths.size() != 1 ||
      (label != name && label != bare_dimension_label(static_cast<std::int64_t>(lengths[0]))))
    throw InputError(path + ": not a valid dimension of an archive: its label is '" +
                     std::string(label) + "'");
}

/// \throws InputError if the elements of a list are not of `type`, or it has not one for each axis
void check_dimension_list(hid_t list, hid_t type, hid_t space, std::size_t axes,
                          const std::string& what) {
  const Handle stored(readable(H5Aget_type(list), what), H5Tclose);
  if (readable(H5Tequal(stored, type), what) == 0 ||
      H5Sget_simple_extent_npoints(space) != static_cast<hssize_t>(axes))
    throw InputError(what + ": expected a list of dimension scales for each axis");
}

/// Address of the first scale of each axis; HADDR_UNDEF for an axis without one. The attribute is
/// read once for all axes, since H5DSiterate_scales reads it and opens the scale for each axis. The
/// value of an object reference is the address of the object.
std::vector<haddr_t> scale_addresses(hid_t dataset, const std::string& path, std::size_t axes) {
  std::vector<haddr_t> addresses(axes, HADDR_UNDEF);
  if (axes == 0 || readable(H5Aexists(dataset, DIMENSION_LIST), path) == 0) return addresses;
  const std::string what = path + "@" + DIMENSION_LIST;
  const Handle list(readable(H5Aopen(dataset, DIMENSION_LIST, H5P_DEFAULT), what), H5Aclose);
  const Handle space(readable(H5Aget_space(list), what), H5Sclose);
  // The list has references of one exact type; another type of the same name would be converted.
  const Handle type(readable(H5Tvlen_create(H5T_STD_REF_OBJ), what), H5Tclose);
  check_dimension_list(list, type, space, axes, what);
  std::vector<hvl_t> scales(axes);
  readable(H5Aread(list, type, scales.data()), what);
  // One scale per axis is what the writer attaches; further ones are ignored.
  for (std::size_t axis = 0; axis < axes; ++axis)
    if (scales[axis].len > 0) {
      hobj_ref_t reference = 0;
      std::memcpy(&reference, scales[axis].p, sizeof reference);
      addresses[axis] = reference;
    }
  // The memory of the lists was allocated by libhdf5.
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, scales.data());
  return addresses;
}

}  // namespace

std::string last_component(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::vector<hsize_t> extent(hid_t dataset, const std::string& path) {
  const Handle space(readable(H5Dget_space(dataset), path), H5Sclose);
  const auto rank = readable(H5Sget_simple_extent_ndims(space), path);
  // The length of the arrays for shapes and selections is limited before it is used.
  if (rank > kMaxRank)
    throw InputError(path + ": too many axes (" + std::to_string(rank) + ", at most " +
                     std::to_string(kMaxRank) + " are allowed in a lensbench archive)");
  std::vector<hsize_t> lengths(static_cast<std::size_t>(rank));
  readable(H5Sget_simple_extent_dims(space, lengths.data(), nullptr), path);
  return lengths;
}

std::string bare_dimension_label(std::int64_t length) {
  char label[80];
  // The text and the width of the number are those of the netCDF-4 library, by which its readers
  // recognise a dimension without values.
  std::snprintf(label, sizeof label, "This is a netCDF dimension but not a netCDF variable. %9lld",
                static_cast<long long>(length));
  return label;
}

bool is_bare_dimension(hid_t dataset) {
  if (H5DSis_scale(dataset) <= 0) return false;
  char label[64] = {};
  const std::string expected = "This is a netCDF dimension but not a netCDF variable";
  return H5DSget_scale_name(dataset, label, sizeof label) > 0 &&
         std::string(label).rfind(expected, 0) == 0;
}

// Members are found by address, because a scale is referred to by its address.
Dimensions::Dimensions(const std::vector<hdf5::Child>& members) {
  for (const hdf5::Child& member : members) members_[member.address] = member.name;
}

std::vector<std::string> Dimensions::names(hid_t dataset, const std::string& path) const {
  const auto lengths = extent(dataset, path);
  // A dimension scale does not have scales of its own; its axis has its own name.
  if (readable(H5DSis_scale(dataset), path) > 0) {
    check_scale(dataset, path, lengths);
    return {last_component(path)};
  }
  const std::vector<haddr_t> addresses = scale_addresses(dataset, path, lengths.size());
  std::vector<std::string> names;
  for (std::size_t axis = 0; axis < lengths.size(); ++axis) {
    if (addresses[axis] == HADDR_UNDEF)
      throw InputError(path + ": axis " + std::to_string(axis) + " is without a dimension scale");
    const auto scale = members_.find(addresses[axis]);
    if (scale == members_.end())
      throw InputError(path + ": axis " + std::to_string(axis) +
                       " has its dimension scale in another group; expected one in the same group");
    names.push_back(scale->second);
  }
  return names;
}

}  // namespace lensbench
