#include "archive/digest/digest.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <future>
#include <lensbench/error.hpp>
#include <memory>
#include <optional>
#include <system_error>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "core/files/sha256.hpp"

// Digests of the content of an archive, which do not depend on how libhdf5 stored it. Large
// datasets are read in blocks, and a block is hashed while the next one is read.
// tests/parity/archive_digests.py recomputes all of them with h5py alone.

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::readable;

static_assert(std::endian::native == std::endian::little,
              "elements are hashed in the byte order of the memory");

constexpr std::size_t kBlockBytes = std::size_t{8} << 20;  // two blocks are in memory
constexpr std::array<const char*, 4> kDigestNames = {"results_sha256", "recipe_sha256",
                                                     "environment_sha256", "seal_sha256"};

/// Hash input with lengths and a kind before the values, so that different contents never give
/// equal bytes. The kind also separates datasets (0) from groups (1) in the Merkle tree.
class Content {
 public:
  explicit Content(char kind) { hash_.update(std::string_view(&kind, 1)); }

  void number(std::uint64_t value) { hash_.update(std::as_bytes(std::span(&value, 1))); }
  void text(std::string_view value) {
    number(value.size());
    hash_.update(value);
  }
  void raw(std::span<const std::byte> bytes) { hash_.update(bytes); }
  Sha256Digest finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

/// Adds a name, the kind and the value. The kind separates an integer from a float of equal bits
/// and a text from a list of one.
void add_attribute(Content& content, const std::string& name, const Attribute& value) {
  content.text(name);
  content.number(value.index());
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    content.number(std::bit_cast<std::uint64_t>(*integer));
  } else if (const auto* number = std::get_if<double>(&value)) {
    content.number(std::bit_cast<std::uint64_t>(*number));
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    content.text(*text);
  } else {
    const auto& texts = std::get<std::vector<std::string>>(value);
    content.number(texts.size());
    for (const std::string& item : texts) content.text(item);
  }
}

/// Adds all attributes by name. The stored digests are left out, since they could not contain
/// themselves.
void add_attributes(Content& content, hid_t object, const std::string& path) {
  auto attributes = read_attributes(object, path);
  for (const char* name : kDigestNames) attributes.erase(name);
  content.number(attributes.size());
  for (const auto& [name, value] : attributes) add_attribute(content, name, value);
}

/// Name of an element type by class and width: `f32`, `i8`, `u8`, `str`.
std::string type_tag(hid_t type, const std::string& path) {
  const auto bits = std::to_string(8 * H5Tget_size(type));
  switch (H5Tget_class(type)) {
    case H5T_STRING:
      return "str";
    case H5T_FLOAT:
      return "f" + bits;
    case H5T_INTEGER:
      return (H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "i") + bits;
    default:
      throw InputError(path + ": element type is not allowed in a lensbench archive");
  }
}

/// Hashes a block in a second thread while the next block is read.
class BlockHasher {
 public:
  /// Hashes into `content` and, unless it is null, into `cases`.
  BlockHasher(Content& content, CaseHashes* cases) : content_(content), cases_(cases) {}

  /// Free memory for the next block, of at most `bytes`.
  std::byte* next(std::size_t bytes) {
    current_ ^= 1;
    if (!blocks_[current_]) blocks_[current_] = std::make_unique_for_overwrite<std::byte[]>(bytes);
    return blocks_[current_].get();
  }

  /// Hashes the first `bytes` of the memory that `next` returned.
  /// \param last  whether this is the last block, which is hashed in the calling thread
  void add(std::size_t bytes, bool last) {
    finish();
    const auto hash = [this, read = std::span(blocks_[current_].get(), bytes)] {
      content_.raw(read);
      if (cases_ != nullptr) cases_->add(read);
    };
    try {
      if (!last) running_ = std::async(std::launch::async, hash);
    } catch (const std::system_error&) {
      last = true;  // the system cannot start a thread
    }
    if (last) hash();
  }

 private:
  /// Waits for the block before: blocks are added to the hash in order, and its memory is used for
  /// the next one. Rethrows what the hash threw.
  void finish() {
    if (running_.valid()) running_.get();
  }

  Content& content_;
  CaseHashes* cases_;
  std::array<std::unique_ptr<std::byte[]>, 2> blocks_;
  std::size_t current_ = 0;
  std::future<void> running_;  ///< declared last: its destructor waits before the blocks are freed
};

/// Cuts the elements of a dataset, in C order, into parts of at most `kBlockBytes`: the indices of
/// some leading axes are fixed, a part has a range of the next axis, and all of the axes after it.
/// The hash of the elements does not depend on where they are cut.
class Parts {
 public:
  Parts(std::vector<hsize_t> lengths, std::size_t element_bytes)
      : lengths_(std::move(lengths)), start_(lengths_.size(), 0), row_bytes_(element_bytes) {
    for (const hsize_t length : lengths_) empty_ = empty_ || length == 0;
    if (empty_ || lengths_.empty()) return;
    axis_ = lengths_.size() - 1;
    while (axis_ > 0 && row_bytes_ * lengths_[axis_] <= kBlockBytes)
      row_bytes_ *= lengths_[axis_--];
    step_ = std::clamp<hsize_t>(kBlockBytes / row_bytes_, 1, lengths_[axis_]);
  }

  bool empty() const { return empty_; }
  std::size_t most_bytes() const { return static_cast<std::size_t>(step_) * row_bytes_; }
  /// Indices at which the current part begins, and its number of indices along each axis.
  const std::vector<hsize_t>& start() const { return start_; }
  std::vector<hsize_t> count() const {
    std::vector<hsize_t> count = lengths_;
    std::fill_n(count.begin(), axis_, 1);
    if (!count.empty()) count[axis_] = rows();
    return count;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(rows()) * row_bytes_; }

  /// Goes on to the next part. \return false after the last one
  bool advance() {
    if (lengths_.empty()) return false;
    start_[axis_] += rows();
    for (std::size_t axis = axis_; start_[axis] == lengths_[axis]; --axis) {
      if (axis == 0) return false;
      start_[axis] = 0;
      ++start_[axis - 1];
    }
    return true;
  }

 private:
  // A scalar is one row.
  hsize_t rows() const {
    return lengths_.empty() ? 1 : std::min(step_, lengths_[axis_] - start_[axis_]);
  }

  std::vector<hsize_t> lengths_, start_;
  std::size_t axis_ = 0;   ///< axis of which a part has a range
  std::size_t row_bytes_;  ///< size of what belongs to one index of that axis
  hsize_t step_ = 1;
  bool empty_ = false;
};

/// Hashes numbers in parts, so that a large dataset is never in memory as a whole.
void add_numbers(Content& content, hid_t dataset, hid_t type, const std::vector<hsize_t>& lengths,
                 const std::string& path, CaseHashes* cases, const Relieve& relieve) {
  // The native type has the byte order of the memory.
  const Handle native(readable(H5Tget_native_type(type, H5T_DIR_ASCEND), path), H5Tclose);
  Parts parts(lengths, H5Tget_size(native));
  if (parts.empty()) return;
  const Handle space(readable(H5Dget_space(dataset), path), H5Sclose);
  BlockHasher hasher(content, cases);
  for (bool last = false; !last;) {
    const auto count = parts.count();
    Handle memory(readable(H5Screate(H5S_SCALAR), path), H5Sclose);
    if (!count.empty()) {
      readable(H5Sselect_hyperslab(space, H5S_SELECT_SET, parts.start().data(), nullptr,
                                   count.data(), nullptr),
               path);
      memory = Handle(
          readable(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), path),
          H5Sclose);
    }
    const std::size_t bytes = parts.bytes();
    readable(H5Dread(dataset, native, memory, space, H5P_DEFAULT, hasher.next(parts.most_bytes())),
             path);
    last = !parts.advance();
    hasher.add(bytes, last);
    if (relieve) relieve();
  }
}

/// Digest of one dataset: everything that a reader sees, in a fixed order.
/// \param cases  receives every element in addition; may be null
Sha256Digest dataset_digest(hid_t dataset, const std::string& path,
                            const std::vector<std::string>& dims, CaseHashes* cases,
                            const Relieve& relieve) {
  Content content('\0');
  content.text(path);
  const Handle type(readable(H5Dget_type(dataset), path), H5Tclose);
  content.text(type_tag(type, path));
  // A bare dimension has a length and not any values, although HDF5 stores it as a dataset.
  const bool bare = is_bare_dimension(dataset);
  const auto lengths = extent(dataset, path);
  content.number(lengths.size());
  for (const std::string& dim : dims) content.text(dim);
  for (const hsize_t length : lengths) content.number(length);
  if (H5Tget_class(type) == H5T_STRING)
    for_each_string(dataset, path, [&](const std::string& text) {
      content.text(text);
      if (cases != nullptr) cases->add_text(text);
    });
  else if (!bare)
    add_numbers(content, dataset, type, lengths, path, cases, relieve);
  add_attributes(content, dataset, path);
  return content.finish();
}

/// Computes the digests of the groups of a file, each once.
class TreeDigest {
 public:
  TreeDigest(DigestsByPath& known, CaseDigests* cases, const Relieve& relieve)
      : known_(known), cases_(cases), relieve_(relieve) {}

  /// Digest of a group and, before it, of all its members. The recursion is limited by the depth
  /// that `check_structure` allows.
  Sha256Digest group(hid_t group, const std::string& path) {
    if (const auto found = known_.find(path); found != known_.end()) return found->second;
    Content content('\1');
    content.text(path.empty() ? "/" : path);
    add_attributes(content, group, path);
    // Members by name, since the order of creation is not part of the content.
    auto members = hdf5::children(group, path);
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    content.number(members.size());
    const Dimensions dimensions(members);
    if (cases_ != nullptr) rows_ = case_rows(group, path, dimensions);
    for (const hdf5::Child& member : members) {
      content.text(member.name);
      const Sha256Digest below = digest(group, member, dimensions, path + "/" + member.name);
      content.raw(std::as_bytes(std::span(below)));
    }
    // The path of the root is empty here, and "/" in the hash.
    return known_[path] = content.finish();
  }

 private:
  Sha256Digest digest(hid_t group, const hdf5::Child& member, const Dimensions& dimensions,
                      const std::string& path) {
    if (member.is_group) {
      const auto found = known_.find(path);
      return found != known_.end() ? found->second
                                   : this->group(hdf5::open_group(group, member.name), path);
    }
    const Handle dataset(readable(H5Dopen2(group, member.name.c_str(), H5P_DEFAULT), path),
                         H5Dclose);
    const bool bare = is_bare_dimension(dataset);
    const auto dims = dimensions.names(dataset, path);
    auto hashes = bare ? std::nullopt : case_hashes(dataset, path, dims);
    known_[path] = dataset_digest(dataset, path, dims, hashes ? &*hashes : nullptr, relieve_);
    // Only results have a variable `case`, so cases of other groups are not noted.
    if (hashes) note(path.substr(0, path.rfind('/')), member.name, hashes->finish());
    return known_[path];
  }

  /// Hashes by case for a variable that has a dimension whose rows belong to cases.
  std::optional<CaseHashes> case_hashes(hid_t dataset, const std::string& path,
                                        const std::vector<std::string>& dims) const {
    if (rows_.empty()) return std::nullopt;
    const auto lengths = extent(dataset, path);
    const Handle type(readable(H5Dget_type(dataset), path), H5Tclose);
    // Texts differ in size, so they are divided among cases only along a single axis.
    if (H5Tget_class(type) == H5T_STRING && dims.size() != 1) return std::nullopt;
    for (std::size_t axis = 0; axis < dims.size(); ++axis)
      if (const auto rows = rows_.find(dims[axis]); rows != rows_.end())
        return CaseHashes(rows->second, lengths, axis, H5Tget_size(type));
    return std::nullopt;
  }

  /// Chains the digests of the variables of a group by case, in order of their names.
  void note(const std::string& group, const std::string& name,
            const std::map<std::int64_t, Sha256Digest>& digests) {
    for (const auto& [number, digest] : digests) {
      Sha256Digest& known = (*cases_)[{group, number}];
      Sha256 chained;
      chained.update(std::as_bytes(std::span(known))).update(name);
      chained.update(std::as_bytes(std::span(digest)));
      known = chained.finish();
    }
  }

  DigestsByPath& known_;
  CaseDigests* cases_;
  const Relieve& relieve_;
  RowsByDimension rows_;  ///< rows of the cases in the current group
};

}  // namespace

void collect_digests(hid_t file, const std::string& path, DigestsByPath& known, CaseDigests* cases,
                     const Relieve& relieve) {
  TreeDigest(known, cases, relieve).group(hdf5::open_group(file, path), path);
}

/// The seal comes last: the root contains the three other groups, whose digests are known by then.
Digests compute_digests(hid_t file, DigestsByPath& known, const Relieve& relieve) {
  for (const char* path : {"/results", "/recipe", "/environment"})
    collect_digests(file, path, known, nullptr, relieve);
  const Sha256Digest seal = TreeDigest(known, nullptr, relieve).group(file, "");
  return {to_hex(known["/results"]), to_hex(known["/recipe"]), to_hex(known["/environment"]),
          to_hex(seal)};
}

Digests compute_digests(hid_t file, const Relieve& relieve) {
  DigestsByPath known;
  return compute_digests(file, known, relieve);
}

Digests stored_digests(hid_t file) {
  const auto of = [&](const char* name) { return text_attribute(file, "/", name).value_or(""); };
  return {of(kDigestNames[0]), of(kDigestNames[1]), of(kDigestNames[2]), of(kDigestNames[3])};
}

void write_digests(hid_t file, const Digests& digests) {
  write_attribute(file, kDigestNames[0], digests.results);
  write_attribute(file, kDigestNames[1], digests.recipe);
  write_attribute(file, kDigestNames[2], digests.environment);
  write_attribute(file, kDigestNames[3], digests.seal);
}

}  // namespace lensbench
