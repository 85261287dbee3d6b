#include "archive/hdf5/structure.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <lensbench/error.hpp>
#include <set>

#include "archive/hdf5/read_limits.hpp"

// Structure of a file from elsewhere, checked before any of its values is read. Each limit has one
// attack: memory through sizes that the file only claims, endless recursion through cycles, code of
// filters, other files of the user through external data, and crashes of libhdf5 in conversions.

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::readable;

// Archives of lensbench have three levels of groups; the depth also limits the recursion here.
constexpr int kMostDepth = 16, kMostAxes = 8;
// A chunk is decoded as a whole, so its size is memory even if only one value is read.
constexpr std::uint64_t kMostChunkBytes = std::uint64_t{64} << 20;
/// Limit of the decoded size relative to the file. Deflate compresses by at most 1032, and results
/// of models by some tens; kRoom is an allowance for small files, whose headers describe data that
/// was never written.
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30, kMostExpansion = 200, kRoom = kGiB / 2;
constexpr std::size_t kMostObjects = 1'000'000;
constexpr std::array<H5Z_filter_t, 3> kFilters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE,
                                                  H5Z_FILTER_FLETCHER32};

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw InputError(path + ": not allowed in a lensbench archive: " + what);
}

/// a * b; the largest number on overflow.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

/// Walk over all groups and datasets. The sizes of datasets are added up, so that many small ones
/// cannot pass the limit that one large one would exceed.
class Walk {
 public:
  explicit Walk(std::uint64_t file_bytes)
      : most_bytes_(kRoom + extra_gib() * kGiB + product(file_bytes, kMostExpansion)) {}

  void group(hid_t group, const std::string& path, int depth) {
    if (depth > kMostDepth) refuse(path, "groups nested deeper than 16");
    for (const hdf5::Child& child : hdf5::children(group, path)) {
      const std::string below = path + "/" + child.name;
      visit_once(child.address, below);
      if (child.is_group)
        this->group(hdf5::open_group(group, child.name), below, depth + 1);
      else
        dataset(Handle(readable(H5Dopen2(group, child.name.c_str(), H5P_DEFAULT), below), H5Dclose),
                below);
    }
  }

 private:
  /// An object that is reached twice is a second name or a cycle; lensbench writes neither.
  void visit_once(haddr_t address, const std::string& path) {
    if (!seen_.insert(address).second) refuse(path, "an object with two names");
    if (seen_.size() > kMostObjects) refuse(path, "more than a million objects");
  }

  /// Checks everything that determines how much libhdf5 allocates and which of its code runs when
  /// the values are read.
  void dataset(const Handle& dataset, const std::string& path) {
    const Handle properties(readable(H5Dget_create_plist(dataset), path), H5Pclose);
    check_layout(properties, path);
    check_filters(properties, path);
    const std::size_t size = element_size(dataset, path);
    const Handle space(readable(H5Dget_space(dataset), path), H5Sclose);
    if (H5Sget_simple_extent_type(space) == H5S_NULL) refuse(path, "a dataset without elements");
    const int axes = static_cast<int>(readable(H5Sget_simple_extent_ndims(space), path));
    if (axes > kMostAxes) refuse(path, "more than 8 axes");
    std::array<hsize_t, kMostAxes> lengths{};
    readable(H5Sget_simple_extent_dims(space, lengths.data(), nullptr), path);
    std::uint64_t bytes = size;
    for (int axis = 0; axis < axes; ++axis)
      bytes = product(bytes, lengths[static_cast<std::size_t>(axis)]);
    // `bytes_` never exceeds `most_bytes_`, so the difference does not wrap around.
    if (bytes > most_bytes_ - bytes_)
      throw InputError(path +
                       ": claims more data than a file of its size can contain; if you trust it, "
                       "set LENSBENCH_READ_GIB=8 to allow 8 GiB more");
    bytes_ += bytes;
    if (H5Pget_layout(properties) == H5D_CHUNKED) check_chunk(properties, size, path);
  }

  /// Virtual and external datasets would read other files of the user.
  static void check_layout(hid_t properties, const std::string& path) {
    const H5D_layout_t layout = H5Pget_layout(properties);
    if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
      refuse(path, "a virtual dataset");
    if (H5Pget_external_count(properties) != 0) refuse(path, "data in another file");
  }

  /// Only the three filters that archives use, which are part of libhdf5.
  static void check_filters(hid_t properties, const std::string& path) {
    const int count = static_cast<int>(readable(H5Pget_nfilters(properties), path));
    for (int i = 0; i < count; ++i) {
      unsigned flags = 0, settings = 0;
      std::size_t values = 0;
      const H5Z_filter_t filter = H5Pget_filter2(properties, static_cast<unsigned>(i), &flags,
                                                 &values, nullptr, 0, nullptr, &settings);
      if (std::find(kFilters.begin(), kFilters.end(), filter) == kFilters.end())
        refuse(path, "filter " + std::to_string(filter));
    }
  }

  /// Size of one element in bytes; refuses types that archives do not have.
  static std::size_t element_size(hid_t dataset, const std::string& path) {
    const Handle type(readable(H5Dget_type(dataset), path), H5Tclose);
    const H5T_class_t kind = H5Tget_class(type);
    if (kind == H5T_STRING && H5Tis_variable_str(type) <= 0) refuse(path, "fixed-length text");
    if (kind != H5T_STRING && kind != H5T_FLOAT && kind != H5T_INTEGER)
      refuse(path, "an element type that is neither number nor text");
    // Only types that libhdf5 reads without a conversion: damaged types crash its conversion code.
    const std::array<hid_t, 6> numbers = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I8LE,
                                          H5T_STD_U8LE,   H5T_STD_I32LE,  H5T_STD_I64LE};
    const auto is_type = [&](hid_t known) { return H5Tequal(type, known) > 0; };
    if (kind != H5T_STRING && std::none_of(numbers.begin(), numbers.end(), is_type))
      refuse(path, "numbers of another width or byte order");
    return H5Tget_size(type);
  }

  static void check_chunk(hid_t properties, std::size_t size, const std::string& path) {
    std::array<hsize_t, kMostAxes> lengths{};
    const int axes =
        static_cast<int>(readable(H5Pget_chunk(properties, kMostAxes, lengths.data()), path));
    std::uint64_t bytes = size;
    for (int axis = 0; axis < std::min(axes, kMostAxes); ++axis)
      bytes = product(bytes, lengths[static_cast<std::size_t>(axis)]);
    if (bytes > kMostChunkBytes) refuse(path, "a chunk of more than 64 MiB");
  }

  std::set<haddr_t> seen_;
  const std::uint64_t most_bytes_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

/// The file's own size is the measure of what it may claim.
void check_structure(hid_t file, const std::string& name) {
  hsize_t bytes = 0;
  readable(H5Fget_filesize(file, &bytes), name);
  Walk(bytes).group(hdf5::open_group(file, "/"), name, 0);
}

}  // namespace lensbench
